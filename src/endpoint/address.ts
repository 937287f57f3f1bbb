import { CriaError } from '../base/index.ts';

/**
 * The address that paths are appended to: `/v1` is added where the URL has no path of its own.
 * @throws CriaError when it is not an HTTP address, or carries a user name, a query or a fragment, which may be secrets.
 */
export function addressOf(baseUrl: string): string {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    const where = url?.username || url?.password ? `${url.protocol}//…` : withoutQuery(baseUrl);
    throw new CriaError('is not an HTTP address', { where, remedy: 'use a URL such as http://127.0.0.1:8080' });
  }
  if (url.username || url.password || url.search || url.hash) {
    const remedy = 'leave them out; the API key comes from an environment variable';
    throw new CriaError('the address must have no user name, query or fragment', { where: url.origin, remedy });
  }
  const path = url.pathname.replace(/\/+$/, '');
  return `${url.origin}${path === '' ? '/v1' : path}`;
}

/** The key in an environment variable. @throws CriaError when the variable is not set or cannot be a header. */
export function keyFrom(variable: string | undefined): string | undefined {
  if (variable === undefined) return undefined;
  const key = process.env[variable]?.trim();
  const remedy = `set ${variable} to the API key`;
  if (!key) throw new CriaError('the environment variable is not set', { where: variable, remedy });
  if (!/^[\x21-\x7e]+$/.test(key)) throw new CriaError('does not hold an API key', { where: variable, remedy });
  return key;
}

const withoutQuery = (text: string): string => text.replace(/[?#@].*$/, '…').slice(0, 200);
