import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  validate,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { RequestFailed } from '../errors.ts';

export const QUERY_DEPTH_MAX = 12;
/** Tools ask for the whole schema with a query of this depth. */
export const INTROSPECTION_DEPTH_MAX = 20;
export const QUERY_CHARACTERS_MAX = 64 * 1024;
export const QUERY_TOKENS_MAX = 5_000;
export const QUERY_ALIASES_MAX = 50;
export const QUERY_ROOT_FIELDS_MAX = 20;
/** Fields of an answer, as far as the query tells: a field counts once for each row it may be in. */
export const QUERY_COST_MAX = 200_000;
/** Rows that a list counts for when the query leaves their number to a variable. */
const ROWS_ASSUMED = 100;
/** Brackets in brackets; more would already be hard on the parser. */
const BRACKET_DEPTH_MAX = 60;
const DOCUMENTS_KEPT_MAX = 1_000;

/** A document, and what in it the schema does not have. */
export interface AdmittedQuery {
  readonly document: DocumentNode;
  readonly errors: readonly GraphQLError[];
}

/** Parses and validates each query once, and refuses those that would cost too much. */
export class QueryGate {
  readonly #schema: GraphQLSchema;
  readonly #admitted = new LRUCache<string, AdmittedQuery>({ max: DOCUMENTS_KEPT_MAX });

  constructor(schema: GraphQLSchema) {
    this.#schema = schema;
  }

  /** @throws {RequestFailed} `QUERY_INVALID`, `QUERY_TOO_DEEP` or `QUERY_TOO_COMPLEX`. */
  admit(source: string): AdmittedQuery {
    const kept = this.#admitted.get(source);
    if (kept !== undefined) return kept;
    const document = parseQuery(source);
    checkDocument(document);
    const admitted = { document, errors: validate(this.#schema, document) };
    this.#admitted.set(source, admitted);
    return admitted;
  }
}

function parseQuery(source: string): DocumentNode {
  if (source.length > QUERY_CHARACTERS_MAX) throw tooComplex(`${QUERY_CHARACTERS_MAX} characters`);
  if (bracketDepth(source) > BRACKET_DEPTH_MAX) throw tooDeep(QUERY_DEPTH_MAX);
  try {
    return parse(source, { maxTokens: QUERY_TOKENS_MAX });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    if (error.message.includes(`more that ${QUERY_TOKENS_MAX} tokens`))
      throw tooComplex(`${QUERY_TOKENS_MAX} words`);
    const [place] = error.locations ?? [];
    const where = place === undefined ? '' : ` (line ${place.line}, column ${place.column})`;
    throw new RequestFailed('QUERY_INVALID', `${error.message}${where}`, { cause: error });
  }
}

/** Strings and comments hold no brackets that count. */
const BRACKETS = /"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#[^\n]*|[{([]|[})\]]/g;

function bracketDepth(source: string): number {
  let depth = 0;
  let deepest = 0;
  for (const [token] of source.matchAll(BRACKETS)) {
    if ('{(['.includes(token)) deepest = Math.max(deepest, ++depth);
    else if ('})]'.includes(token)) depth--;
  }
  return deepest;
}

interface Tally {
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  aliases: number;
  cost: number;
}

function checkDocument(document: DocumentNode): void {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION)
      fragments.set(definition.name.value, definition);
  }
  const tally: Tally = { fragments, aliases: 0, cost: 0 };
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    if (definition.selectionSet.selections.length > QUERY_ROOT_FIELDS_MAX)
      throw tooComplex(`${QUERY_ROOT_FIELDS_MAX} fields at its root`);
    walk(definition.selectionSet, tally, {
      depth: 1,
      rows: 1,
      depthMax: QUERY_DEPTH_MAX,
      within: [],
    });
  }
}

interface Place {
  readonly depth: number;
  readonly rows: number;
  readonly depthMax: number;
  /** Fragments that this place lies in; one inside itself is left to the validation. */
  readonly within: readonly string[];
}

function walk(selections: SelectionSetNode, tally: Tally, place: Place): void {
  for (const selection of selections.selections) visit(selection, tally, place);
}

function visit(selection: SelectionNode, tally: Tally, place: Place): void {
  spend(tally, 1);
  if (selection.kind === Kind.FIELD) visitField(selection, tally, place);
  else if (selection.kind === Kind.INLINE_FRAGMENT) walk(selection.selectionSet, tally, place);
  else visitFragment(selection.name.value, tally, place);
}

function visitFragment(name: string, tally: Tally, place: Place): void {
  const fragment = tally.fragments.get(name);
  if (fragment === undefined || place.within.includes(name)) return;
  walk(fragment.selectionSet, tally, { ...place, within: [...place.within, name] });
}

function visitField(selection: FieldNode, tally: Tally, place: Place): void {
  const isIntrospection = place.depth === 1 && selection.name.value.startsWith('__');
  const depthMax = isIntrospection ? INTROSPECTION_DEPTH_MAX : place.depthMax;
  if (place.depth > depthMax) throw tooDeep(depthMax);
  if (selection.alias !== undefined && ++tally.aliases > QUERY_ALIASES_MAX)
    throw tooComplex(`${QUERY_ALIASES_MAX} aliases`);
  const first = selection.arguments?.find(({ name }) => name.value === 'first')?.value;
  const asked =
    first === undefined ? 1 : first.kind === Kind.INT ? Number(first.value) : ROWS_ASSUMED;
  const rows = place.rows * Math.max(1, asked);
  spend(tally, rows);
  if (selection.selectionSet === undefined) return;
  walk(selection.selectionSet, tally, { ...place, depth: place.depth + 1, rows, depthMax });
}

function spend(tally: Tally, cost: number): void {
  tally.cost += cost;
  if (tally.cost > QUERY_COST_MAX) throw tooComplex(`${QUERY_COST_MAX} fields in its answer`);
}

function tooDeep(depthMax: number): RequestFailed {
  return new RequestFailed(
    'QUERY_TOO_DEEP',
    `The query is nested more than ${depthMax} levels deep.`,
  );
}

function tooComplex(limit: string): RequestFailed {
  return new RequestFailed('QUERY_TOO_COMPLEX', `The query has more than ${limit}.`);
}
