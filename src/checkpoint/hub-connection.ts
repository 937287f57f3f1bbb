import { boundedBody, CriaError, codeOf, messageOf } from '../base/index.ts';

/** A repository on a hub, and how to ask for it. Both requests throw a CriaError unless the answer is a success. */
export interface Hub {
  readonly endpoint: string;
  readonly repo: string;
  readonly revision: string;
  /** Asks for one page of a listing, read whole, at most `longestPage` bytes. */
  list(url: string, init?: RequestInit): Promise<Response>;
  /** Asks for a file from byte `from` on; status 206 when the hub starts there, 200 when it starts at 0. */
  get(path: string, from: number): Promise<Response>;
}

interface HubOptions {
  readonly revision?: string | undefined;
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly fetch?: typeof fetch | undefined;
}

const longestPage = 64 * 2 ** 20;
const mostPages = 1000;

/** Prepares requests to the hub of HF_ENDPOINT; the token is shown to that origin only. */
export function connect(repo: string, options: HubOptions): Hub {
  const endpoint = (process.env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  const token = options.token ?? (process.env.HF_TOKEN || process.env.HUGGING_FACE_HUB_TOKEN);
  const revision = options.revision ?? 'main';
  const origin = originOf(endpoint);

  async function request(url: string, given: RequestInit['headers']): Promise<Response> {
    const headers = new Headers(given);
    headers.set('user-agent', 'cria');
    if (token && originOf(url) === origin) headers.set('authorization', `Bearer ${token}`);
    const response = await (options.fetch ?? fetch)(url, { headers, signal: options.signal ?? null }).catch(
      (error: unknown) => {
        throw asNetworkError(error, endpoint, options.signal);
      },
    );
    if (response.ok) return response;
    await response.body?.cancel();
    throw refusal(response, { endpoint, repo, revision, token });
  }

  let pages = 0;
  return {
    endpoint,
    repo,
    revision,
    async list(url, init) {
      if (++pages > mostPages) throw new CriaError(`lists its files on more than ${mostPages} pages`, { where: repo });
      const response = await request(url, init?.headers);
      const link = response.headers.get('link');
      const tooLong = () => new CriaError(`a page of its file list exceeds ${longestPage} bytes`, { where: repo });
      const page = await boundedBody(response, longestPage, tooLong).catch((error: unknown) => {
        throw asNetworkError(error, endpoint, options.signal);
      });
      return new Response(page, link ? { headers: { link } } : {});
    },
    get(path, from) {
      const place = path.split('/').map(encodeURIComponent).join('/');
      // Unencoded, because ranges of a compressed answer would be ranges of something else.
      const headers = { 'accept-encoding': 'identity', ...(from > 0 && { range: `bytes=${from}-` }) };
      return request(`${endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/${place}`, headers);
    },
  };
}

/** A failed request or a broken answer as a sentence; an abort, and what is one already, stay what they are. */
export function asNetworkError(
  error: unknown,
  where: string,
  signal: AbortSignal | undefined,
  what = 'cannot be reached',
): unknown {
  if (error instanceof CriaError || signal?.aborted) return error;
  const code = codeOf(error);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    const remedy = 'check the network and HF_ENDPOINT, or use a local folder';
    return new CriaError('cannot be resolved: the machine may be offline', {
      where,
      remedy,
      kind: 'failure',
      cause: error,
    });
  }
  const remedy = 'check the network and HF_ENDPOINT; the same command continues where it stopped';
  return new CriaError(`${what} (${code ?? messageOf(error)})`, { where, remedy, kind: 'failure', cause: error });
}

function refusal(
  response: Response,
  { endpoint, repo, revision, token }: { endpoint: string; repo: string; revision: string; token: string | undefined },
): CriaError {
  const where = `${repo} at ${revision}`;
  const terms = `accept its terms at ${endpoint}/${repo}`;
  switch (response.status) {
    case 401:
      return token
        ? new CriaError('the hub rejected the token', { where, remedy: 'set HF_TOKEN to a valid one' })
        : new CriaError('requires a token: it is private, gated or does not exist', {
            where,
            remedy: `check the name, ${terms} and set HF_TOKEN`,
          });
    case 403:
      return new CriaError('the token has no read access', { where, remedy: `${terms}, or use another HF_TOKEN` });
    case 404:
      return new CriaError('does not exist on the hub', { where, remedy: 'check the name and the revision' });
    case 429:
      return new CriaError('the hub limits the request rate', {
        where,
        remedy: 'try again in a few minutes',
        kind: 'failure',
      });
    default:
      return new CriaError(`the hub answered ${response.status}`, {
        where,
        remedy: 'try again later',
        kind: 'failure',
      });
  }
}

function originOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch (cause) {
    throw new CriaError('is not a URL', {
      where: url,
      remedy: 'set HF_ENDPOINT to a URL such as https://huggingface.co',
      cause,
    });
  }
}
