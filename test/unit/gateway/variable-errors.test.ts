import { buildSchema, execute, type GraphQLError, parse } from 'graphql';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withoutValues } from '../../../gateway/graphql/variable-errors.ts';

const schema = buildSchema(`
  enum Mode { FAST SLOW }
  input Person { email: String!, password: String, mode: Mode }
  type Query { ask(person: Person, count: Int): String }
`);
const document = parse(
  'query ($person: Person, $count: Int) { ask(person: $person, count: $count) }',
);
const SECRET = 'a secret; at "x"; value: 7';

async function errorsOf(variables: Record<string, unknown>): Promise<readonly GraphQLError[]> {
  const { errors = [] } = await execute({ schema, document, variableValues: variables });
  return withoutValues(errors, { schema, document, operationName: undefined, variables });
}

const wrong = suite('GraphQL variables: what is wrong with them');

const cases: readonly (readonly [string, Record<string, unknown>, readonly string[]])[] = [
  [
    'of another type',
    { person: { email: 'a', password: [SECRET] } },
    ['The variable person.password is not valid: String cannot represent a non string value.'],
  ],
  [
    'with a field that is none',
    { person: { email: 'a', pasword: SECRET } },
    [
      'The variable person is not valid: Field "pasword" is not defined by type "Person". Did you mean "password"?',
    ],
  ],
  [
    'outside of an enumeration',
    { person: { email: 'a', mode: SECRET } },
    ['The variable person.mode is not valid: it is no value of Mode.'],
  ],
  [
    'of a scalar type, and a field that is missing beside a secret',
    { person: { password: SECRET }, count: 1.5 },
    [
      'The variable person is not valid: Field "email" of required type "String!" was not provided.',
      'The variable count is not valid: Int cannot represent non-integer value.',
    ],
  ],
];
for (const [what, variables, messages] of cases)
  wrong(`${what} is told by its path and its rule, without the value`, async () => {
    const errors = await errorsOf(variables);
    assert.ok(!JSON.stringify(errors).includes('secret'));
    assert.equal([...new Set(errors.map(({ message }) => message))].sort(), [...messages].sort());
  });

wrong('that are good stay what they are', async () => {
  assert.equal(await errorsOf({ person: { email: 'a' }, count: 1 }), []);
});

wrong.run();
