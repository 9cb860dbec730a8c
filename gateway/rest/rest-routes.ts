import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KeypairRow } from '@orrery/projections';
import type { FastifyInstance } from 'fastify';
import { authenticate } from '../auth/authenticate.ts';
import { authoriseSignedIn } from '../auth/authorise.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { lineOf } from '../graphql/request-context.ts';
import { isoInstant } from '../graphql/scalars.ts';
import { findHindrance } from './readiness.ts';

export function registerRest(app: FastifyInstance, gateway: Gateway): void {
  app.post('/auth/token', async (request) => {
    const caller = await authenticate(gateway, lineOf(request));
    const { userId, accessKey } = authoriseSignedIn(caller, 'POST /auth/token');
    // Who signed in without a key pair counts under their main one, which need not be active for that.
    const keypair = accessKey === undefined ? undefined : await findActive(gateway, accessKey);
    const holder = { userId, accessKey: keypair?.accessKey };
    const { token, expiresAtMs } = gateway.tokens().issue(holder);
    return { token, expiresAt: isoInstant(expiresAtMs) };
  });
  app.get('/healthz', async (_request, reply) => reply.type('text/plain').send('ok\n'));
  app.get('/readyz', async (_request, reply) => {
    const hindrance = await findHindrance(gateway);
    reply.type('text/plain').code(hindrance === undefined ? 200 : 503);
    return `${hindrance ?? 'ready'}\n`;
  });
  app.get('/metrics', async (_request, reply) => {
    const { registry } = gateway.metrics;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

async function findActive(
  { identities }: Gateway,
  accessKey: string,
): Promise<KeypairRow | undefined> {
  const keypair = await identities.findKeypair(accessKey);
  return keypair?.isActive === true ? keypair : undefined;
}

/** The page of mercurius' GraphiQL; its scripts come from where that page says. */
const PAGES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  'main.js': { file: 'main.js', type: 'application/javascript' },
  'sw.js': { file: 'sw.js', type: 'application/javascript' },
};

export function registerGraphiql(app: FastifyInstance): void {
  const directory = join(dirname(fileURLToPath(import.meta.resolve('mercurius'))), 'static');
  const page = (file: string): Promise<string> => readFile(join(directory, file), 'utf8');
  app.get('/graphiql', async (_request, reply) =>
    reply.type('text/html').send(await page('graphiql.html')),
  );
  app.get<{ Params: { readonly file: string } }>('/graphiql/:file', async ({ params }, reply) => {
    if (params.file === 'config.js') {
      const config = "window.GRAPHQL_ENDPOINT = '/graphql';\nwindow.GRAPHIQL_PLUGIN_LIST = [];\n";
      return reply.type('application/javascript').send(config);
    }
    const found = Object.hasOwn(PAGES, params.file) ? PAGES[params.file] : undefined;
    if (found === undefined)
      throw new RequestFailed('ROUTE_NOT_FOUND', 'GraphiQL has no such file.');
    return reply.type(found.type).send(await page(found.file));
  });
}
