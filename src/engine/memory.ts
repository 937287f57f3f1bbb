import { readFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Bytes that can be taken without swapping: what the system has, or what a control group leaves of it, as those of
 * containers do. `root` is where the system's own files are, / but in tests.
 */
export function availableMemory(root = '/'): number {
  const kibibytes = /MemAvailable:\s+(\d+) kB/.exec(read(join(root, 'proc/meminfo')))?.[1];
  const free = kibibytes ? Number(kibibytes) * 1024 : freemem(); // not Linux
  return Math.max(0, Math.min(free, ...groupsOf(root).map(leftBy)));
}

/** What tells the limit of a group, its use, and the pages of files among it that the system takes back when it needs them. */
interface GroupFiles {
  readonly folder: string;
  readonly limit: string;
  readonly usage: string;
  readonly files: RegExp;
}

const version2 = { limit: 'memory.max', usage: 'memory.current', files: /^inactive_file (\d+)/m };
const version1 = {
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  files: /^total_inactive_file (\d+)/m,
};

/** The groups of this process that may limit its memory: each with those around it, up to the root. */
function groupsOf(root: string): GroupFiles[] {
  const groups: GroupFiles[] = [];
  for (const line of read(join(root, 'proc/self/cgroup')).split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const isMemory = controllers.split(',').includes('memory');
    if (!path || !(isMemory || controllers === '')) continue;
    const at = join(root, 'sys/fs/cgroup', isMemory ? 'memory' : '');
    for (let group = path; ; group = dirname(group)) {
      groups.push({ folder: join(at, group), ...(isMemory ? version1 : version2) });
      if (group === '/' || group === '.') break;
    }
  }
  return groups;
}

function leftBy({ folder, limit, usage, files }: GroupFiles): number {
  const most = Number.parseInt(read(join(folder, limit)), 10); // NaN for 'max', and where there is no such group
  const used = Number.parseInt(read(join(folder, usage)), 10);
  if (Number.isNaN(most) || Number.isNaN(used)) return Number.POSITIVE_INFINITY;
  const reclaimable = Number(files.exec(read(join(folder, 'memory.stat')))?.[1] ?? 0);
  return most - used + reclaimable;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
