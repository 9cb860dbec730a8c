import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseAppTarget } from './app-path.ts';
import type { AppProxy } from './app-proxy.ts';

export const APP_ROUTES = ['/apps/:session/:app', '/apps/:session/:app/*'] as const;
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** `/apps/SESSION/APP/…` leads to the app itself; nothing of a request is read before the app takes it. */
export function registerApps(app: FastifyInstance, proxy: AppProxy): void {
  void app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, parsed) => parsed(null, payload));
    const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      reply.hijack();
      const { raw, ip: clientAddress, protocol } = request;
      const isSecure = protocol === 'https';
      await proxy.serve({ request: raw, clientAddress, isSecure }, reply.raw);
    };
    for (const url of APP_ROUTES) scope.route({ method: METHODS, url, handler });
    done();
  });
  takeUpgrades(app, proxy);
}

/** Those to apps are the apps' own affair; the others are handled as they were. */
function takeUpgrades({ server }: FastifyInstance, proxy: AppProxy): void {
  const others = server.listeners('upgrade');
  server.removeAllListeners('upgrade');
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (parseAppTarget(request.url ?? '') === undefined) {
      for (const other of others) Reflect.apply(other, server, [request, socket, head]);
      return;
    }
    const clientAddress = request.socket.remoteAddress ?? '';
    const isSecure = request.socket instanceof TLSSocket;
    void proxy.upgrade({ request, clientAddress, isSecure }, socket, head);
  });
}
