/**
 * The one error class of cria. `what` went wrong, `where` (file, tensor, row, option), and the `remedy`.
 * The command line prints it as one sentence; the server maps it to a status.
 */
export class CriaError extends Error {
  readonly what: string;
  readonly where: string | undefined;
  readonly remedy: string | undefined;
  /** 'input': the user can mend it (exit code 2); 'failure': it could not be done (exit code 1). */
  readonly kind: 'input' | 'failure';

  constructor(
    what: string,
    details: { where?: string; remedy?: string; kind?: 'input' | 'failure'; cause?: unknown } = {},
  ) {
    super([details.where, what].filter(Boolean).join(': ') + (details.remedy ? ` (${details.remedy})` : ''), {
      cause: details.cause,
    });
    this.name = 'CriaError';
    this.what = what;
    this.where = details.where;
    this.remedy = details.remedy;
    this.kind = details.kind ?? 'input';
  }
}

/** Throws `signal`'s reason when it has been aborted: the one check that every long loop makes. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason;
}

/** What to tell when a file could not be read. */
export function readError(error: unknown, path: string): CriaError {
  if (error instanceof CriaError) return error;
  const known = readErrors[(error as NodeJS.ErrnoException)?.code ?? ''];
  return new CriaError(known ?? `cannot be read: ${messageOf(error)}`, { where: path, cause: error });
}

const readErrors: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'does not exist',
  EISDIR: 'is a folder, not a file',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not text in UTF-8',
};

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The system's code of an error: fetch hides it in the cause. */
export function codeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return undefined;
}

/** The body of an answer. @throws what `refuse` makes when it is longer than `most` bytes. */
export async function boundedBody(
  response: Response,
  most: number,
  refuse: () => CriaError,
): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > most) throw refuse();
  }
  return new Uint8Array(Buffer.concat(pieces));
}
