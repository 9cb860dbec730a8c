import { getIntrospectionQuery } from 'graphql';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { documents } from '../../../gateway/client/documents.ts';
import { RequestFailed } from '../../../gateway/errors.ts';
import {
  QUERY_ALIASES_MAX,
  QUERY_DEPTH_MAX,
  QueryGate,
} from '../../../gateway/graphql/query-limits.ts';
import { createResolvers } from '../../../gateway/graphql/resolvers.ts';
import { createSchema } from '../../../gateway/graphql/schema.ts';

const schema = createSchema(createResolvers());

function codeOf(query: string): string {
  try {
    new QueryGate(schema).admit(query);
    return 'admitted';
  } catch (error) {
    return error instanceof RequestFailed ? error.code : String(error);
  }
}

const nested = (depth: number): string => `${'{ a '.repeat(depth)}${' }'.repeat(depth)}`;
const many = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');

const limits = suite('query limits: a query');

limits('of our own client and of introspection is admitted', () => {
  for (const query of Object.values(documents)) assert.is(codeOf(query), 'admitted', query);
  assert.is(codeOf(getIntrospectionQuery()), 'admitted');
});

limits('is refused when nested deeper than the limit, however it is done', () => {
  assert.is(codeOf(nested(QUERY_DEPTH_MAX)), 'admitted');
  assert.is(codeOf(nested(QUERY_DEPTH_MAX + 1)), 'QUERY_TOO_DEEP');
  for (const depth of [100, 1_000, 10_000]) assert.is(codeOf(nested(depth)), 'QUERY_TOO_DEEP');
  const inParts = `{ ...F } fragment F on Query ${nested(QUERY_DEPTH_MAX + 1)}`;
  assert.is(codeOf(inParts), 'QUERY_TOO_DEEP');
  assert.is(codeOf(`{ a(x: ${'['.repeat(500)}${']'.repeat(500)}) }`), 'QUERY_TOO_DEEP');
});

limits('may hold brackets in its texts', () => {
  assert.is(codeOf(`{ a(x: "${'{'.repeat(200)}") }`), 'admitted');
  assert.is(codeOf(`{ a # ${'{'.repeat(200)}\n }`), 'admitted');
});

limits('with too many aliases, root fields, words or rows is refused', () => {
  const aliases = `{ b { ${many(QUERY_ALIASES_MAX + 1, (index) => `a${index}: a`)} } }`;
  assert.is(codeOf(aliases), 'QUERY_TOO_COMPLEX');
  assert.is(codeOf(`{ ${many(21, () => 'a')} }`), 'QUERY_TOO_COMPLEX');
  assert.is(codeOf(`{ b { ${many(6_000, () => 'a')} } }`), 'QUERY_TOO_COMPLEX');
  assert.is(codeOf(`{ a(first: 1000) { b(first: 1000) { c } } }`), 'QUERY_TOO_COMPLEX');
  assert.is(
    codeOf(`{ a(first: $n) { b(first: $n) { c(first: $n) { d } } } }`),
    'QUERY_TOO_COMPLEX',
  );
  assert.is(codeOf(`{ a }${' '.repeat(70_000)}`), 'QUERY_TOO_COMPLEX');
});

limits('that doubles itself through fragments is refused quickly', () => {
  const bomb = many(30, (index) => `fragment F${index} on Q { ...F${index + 1} ...F${index + 1} }`);
  assert.is(codeOf(`{ ...F0 } ${bomb} fragment F30 on Q { a }`), 'QUERY_TOO_COMPLEX');
  assert.is(codeOf(`{ ...F0 } ${bomb}`), 'QUERY_TOO_COMPLEX');
  assert.is(codeOf('{ ...A } fragment A on Q { ...B } fragment B on Q { ...A a }'), 'admitted');
});

limits('that is no GraphQL is told where', () => {
  assert.is(codeOf('{ a '), 'QUERY_INVALID');
  assert.is(codeOf(''), 'QUERY_INVALID');
});

limits.run();
