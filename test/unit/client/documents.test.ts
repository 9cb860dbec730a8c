import { buildSchema, parse, validate } from 'graphql';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { documents } from '../../../gateway/client/documents.ts';
import { readSchemaText } from '../../../gateway/graphql/schema.ts';

const schema = buildSchema(readSchemaText());

const wording = suite('client: documents');

for (const [name, document] of Object.entries(documents)) {
  wording(`${name} is valid against the schema`, () => {
    assert.equal(
      validate(schema, parse(document)).map(({ message }) => message),
      [],
    );
  });

  wording(`${name} selects one root field of its own name`, () => {
    const [definition] = parse(document).definitions;
    if (definition?.kind !== 'OperationDefinition') throw new Error('the document is no operation');
    const roots = definition.selectionSet.selections.map((selection) =>
      selection.kind === 'Field' ? selection.name.value : selection.kind,
    );
    assert.equal(roots, [name]);
  });
}

wording('every operation of the schema has a document', () => {
  const types = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  const operations = types.flatMap((type) => Object.keys(type?.getFields() ?? {}));
  assert.equal(operations.sort(), Object.keys(documents).sort());
});

wording.run();
