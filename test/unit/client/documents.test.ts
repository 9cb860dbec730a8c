import { buildSchema, type FieldNode, Kind, parse, validate } from 'graphql';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { documents } from '../../../gateway/client/documents.ts';
import { readSchemaText } from '../../../gateway/graphql/schema.ts';

const schema = buildSchema(readSchemaText());

function rootsOf(document: string): readonly FieldNode[] {
  const [definition] = parse(document).definitions;
  if (definition?.kind !== 'OperationDefinition') throw new Error('the document is no operation');
  const { selections } = definition.selectionSet;
  const fields = selections.filter((selection) => selection.kind === Kind.FIELD);
  assert.is(fields.length, selections.length);
  return fields;
}

const wording = suite('client: documents');

for (const [name, document] of Object.entries(documents)) {
  wording(`${name} is valid against the schema`, () => {
    assert.equal(
      validate(schema, parse(document)).map(({ message }) => message),
      [],
    );
  });

  wording(`${name} selects one root field under its own name`, () => {
    const answered = rootsOf(document).map(({ alias, name }) => (alias ?? name).value);
    assert.equal(answered, [name]);
  });
}

wording('every operation of the schema has a document', () => {
  const types = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const operations = types.flatMap((type) => Object.keys(type?.getFields() ?? {}));
  const asked = Object.values(documents).flatMap((document) =>
    rootsOf(document).map(({ name }) => name.value),
  );
  assert.equal(operations.sort(), [...new Set(asked)].sort());
});

wording.run();
