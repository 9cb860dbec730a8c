import { fastify } from 'fastify';
import mercurius from 'mercurius';
import { Pool } from 'pg';

const SCHEMA = `
  type Session { id: ID!, name: String!, status: String! }
  type Query { session(id: ID!): Session }
`;

/** The least that answers the query: mercurius over one table, asking nobody who they are. */
const pool = new Pool({ connectionString: process.argv[2] ?? '', max: 10 });
const server = fastify();
await server.register(mercurius, {
  schema: SCHEMA,
  resolvers: {
    Query: {
      session: async (_root: unknown, { id }: { readonly id: string }) => {
        const { rows } = await pool.query({
          name: 'session',
          text: 'SELECT id, name, status FROM sessions WHERE id = $1',
          values: [id],
        });
        return rows[0];
      },
    },
  },
});
const address = await server.listen({ host: '127.0.0.1', port: 0 });
process.stdout.write(`${address}\n`);
