import { messageOf } from '../base/index.ts';
import { openEndpoint } from '../endpoint/index.ts';
import { ApiError } from './errors.ts';

/** Another server behind this one. */
export interface Backend {
  models(signal?: AbortSignal): Promise<readonly { readonly id: string }[]>;
  /** The backend's answer as it is, its body unbuffered. @throws ApiError (502) when it does not begin in `timeout` seconds. */
  forward(path: string, body: string, timeout: number, signal: AbortSignal): Promise<Response>;
  isReady(): Promise<boolean>;
}

const passed = ['content-type', 'retry-after'];
const probeMs = 3000;

export function openBackend(baseUrl: string, keyEnv: string | undefined): Backend {
  const endpoint = openEndpoint({ baseUrl, keyEnv });
  const send = async (path: string, method: 'GET' | 'POST', body?: string, signal?: AbortSignal): Promise<Response> => {
    try {
      return await endpoint.forward(path, { method, body, signal });
    } catch (error) {
      throw new ApiError(502, `the backend: ${messageOf(error)}`);
    }
  };
  return {
    async models(signal) {
      const response = await send('/models', 'GET', undefined, signal ?? AbortSignal.timeout(probeMs));
      const body = (await response.json().catch(() => ({}))) as { readonly data?: readonly { readonly id: string }[] };
      return response.ok && Array.isArray(body.data) ? body.data : [];
    },
    async forward(path, body, timeout, signal) {
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(new Error(`no answer within ${timeout} s`)), timeout * 1000);
      const both = AbortSignal.any([signal, late.signal]);
      const response = await send(path, 'POST', body, both).finally(() => clearTimeout(timer));
      const headers = new Headers();
      for (const name of passed) {
        const value = response.headers.get(name);
        if (value !== null) headers.set(name, value);
      }
      return new Response(response.body, { status: response.status, headers });
    },
    async isReady() {
      return (
        (await send('/models', 'GET', undefined, AbortSignal.timeout(probeMs)).catch(() => undefined))?.ok === true
      );
    },
  };
}
