import type { Server, ServerResponse } from 'node:http';
import { type AddressInfo, Server as Listener } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import { CriaError } from '../base/index.ts';
import { type AppOptions, createApp } from './app.ts';

export interface ServerOptions extends AppOptions {
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port?: number;
}

/** A server that listens. */
export interface RunningServer {
  readonly url: string;
  /** Stops listening, lets what runs and waits finish, and closes. */
  close(): Promise<void>;
}

const checkMs = 500; // how often requests that do not come are looked for
const graceMs = 10_000;

/**
 * Serves models over HTTP.
 * @throws CriaError when the address cannot be taken.
 */
export const createServer = (options: ServerOptions): Promise<RunningServer> =>
  listen({ ...createApp(options), ...options });

/** Listens with any app, which `drain` makes refuse what is new. @throws CriaError when the address cannot be taken. */
export async function listen({
  app,
  drain = () => undefined,
  host = '127.0.0.1',
  port = 0,
  timeout,
}: Pick<ServerOptions, 'host' | 'port' | 'timeout'> & { readonly app: Hono; drain?(): void }): Promise<RunningServer> {
  const most = Math.min(timeout * 1000, 2 ** 31 - 1);
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: { requestTimeout: most, headersTimeout: most, connectionsCheckingInterval: checkMs },
  }) as Server;
  server.setTimeout(Math.min(most + graceMs, 2 ** 31 - 1)); // of a client that does not read
  const unsent = new Set<ServerResponse>();
  server.on('request', (_, response: ServerResponse) => {
    unsent.add(response);
    response.once('close', () => unsent.delete(response));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const what =
        error.code === 'EADDRINUSE' ? `the port ${port} is in use` : `cannot listen (${error.code ?? error.message})`;
      reject(new CriaError(what, { where: `${host}:${port}`, remedy: 'use another --port or --host' }));
    });
    server.listen(port, host, resolve);
  });
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shown}:${(server.address() as AddressInfo).port}`,
    async close() {
      drain();
      // not the server's own close: it cuts connections that are idle, whose next request is to be refused with 503
      const closed = new Promise<void>((resolve) => Listener.prototype.close.call(server, () => resolve()));
      while (unsent.size > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      server.closeAllConnections();
      await closed;
      server.close(); // its timers
    },
  };
}
