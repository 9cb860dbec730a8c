import { readFileSync } from 'node:fs';
import {
  buildSchema,
  GraphQLError,
  GraphQLObjectType,
  GraphQLScalarType,
  type GraphQLSchema,
} from 'graphql';
import type { FieldResolvers, SubscriptionResolvers } from './resolver.ts';
import { type ScalarForm, scalarForms } from './scalars.ts';

export interface Resolvers {
  readonly Query: FieldResolvers;
  readonly Mutation: FieldResolvers;
  readonly Subscription: SubscriptionResolvers;
}

/** The parts of the contract, each beside its resolvers; together they are read in this order. */
const PARTS = [
  'values.graphql',
  'identity/identity.graphql',
  'sessions/sessions.graphql',
  'sessions/session-why.graphql',
  'sessions/start-forecast.graphql',
  'code/code.graphql',
  'terminals/terminals.graphql',
  'apps/apps.graphql',
  'files/files.graphql',
  'agents/agents.graphql',
  'statistics/statistics.graphql',
  'images/images.graphql',
  'registries/registries.graphql',
  'resource-groups/resource-groups.graphql',
  'scheduling/scheduling.graphql',
  'limits/limits.graphql',
  'usage/usage.graphql',
  'presets/presets.graphql',
  'audit/audit.graphql',
  'archive/archive.graphql',
  'commands/commands.graphql',
  'cluster/cluster.graphql',
  'operations.graphql',
  'directory/projects.graphql',
  'directory/users.graphql',
  'directory/policies.graphql',
  'directory/directory.graphql',
  'ssh/ssh.graphql',
];

/** The contract with clients, as text. */
export function readSchemaText(): string {
  return PARTS.map((part) => readFileSync(new URL(part, import.meta.url), 'utf8')).join('\n');
}

/** The schema with its resolvers. @throws when a root field has no resolver, or one has no field. */
export function createSchema(resolvers: Resolvers): GraphQLSchema {
  const schema = buildSchema(readSchemaText());
  for (const [name, form] of Object.entries(scalarForms)) bindScalar(schema, name, form);
  for (const name of ['Query', 'Mutation', 'Subscription'] as const) {
    const type = schema.getType(name);
    if (!(type instanceof GraphQLObjectType)) throw new Error(`the schema has no type ${name}`);
    const fields = type.getFields();
    const missing = Object.keys(fields).filter((field) => !(field in resolvers[name]));
    if (missing.length > 0) throw new Error(`${name} has no resolver for ${missing.join(', ')}`);
    for (const [field, resolver] of Object.entries(resolvers[name])) {
      const found = fields[field];
      if (found === undefined) throw new Error(`the schema has no field ${name}.${field}`);
      // An item is an object with the field's own name, which graphql resolves by itself.
      if (name === 'Subscription') found.subscribe = resolver;
      else found.resolve = resolver;
    }
  }
  return schema;
}

function bindScalar(schema: GraphQLSchema, name: string, form: ScalarForm): void {
  const type = schema.getType(name);
  if (!(type instanceof GraphQLScalarType)) throw new Error(`the schema has no scalar ${name}`);
  type.serialize = form.serialize;
  type.parseValue = (value) => {
    const parsed = form.parse(value);
    if (parsed === undefined) throw new GraphQLError(`This is no ${name}: ${form.expectation}.`);
    return parsed;
  };
}
