import {
  coerceInputValue,
  type DocumentNode,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  isInputType,
  typeFromAST,
} from 'graphql';

interface Asked {
  readonly schema: GraphQLSchema;
  readonly document: DocumentNode;
  readonly operationName: string | null | undefined;
  readonly variables: Readonly<Record<string, unknown>> | null | undefined;
}

/**
 * The same errors, but for those about the values of variables: these are told anew by name, path and rule, as the
 * library quotes the values, and one of them may be a password.
 */
export function withoutValues(
  errors: NonNullable<ExecutionResult['errors']>,
  asked: Asked,
): readonly GraphQLError[] {
  const isQuoting = errors.some(({ message }) => message.includes('got invalid value'));
  return isQuoting ? explain(asked) : errors;
}

function explain({ schema, document, operationName, variables }: Asked): readonly GraphQLError[] {
  const errors: GraphQLError[] = [];
  for (const { variable, type: node } of getOperationAST(document, operationName)
    ?.variableDefinitions ?? []) {
    const name = variable.name.value;
    const type = typeFromAST(schema, node);
    const value = variables?.[name];
    if (value === undefined || !isInputType(type)) continue;
    coerceInputValue(value, type, (path, _value, error) => {
      const place = [name, ...path].join('.');
      errors.push(new GraphQLError(`The variable ${place} is not valid: ${ruleOf(error.message)}`));
    });
  }
  return errors;
}

/** What is wrong, without the value that is. */
function ruleOf(message: string): string {
  return message
    .replace(/^Value "[\s\S]*" does not exist in "(\w+)" enum[\s\S]*$/, 'it is no value of $1.')
    .replace(/ value: [\s\S]*$/, ' value.');
}
