import { type ImageEvent, type ImageFacts, unreachable } from '@orrery/bus';
import { instantMs, type Moment, placeOf } from './moment.ts';
import type { ImageRow } from './rows.ts';

/** What one event does to the row of an image; undefined stands for one of an unknown type. */
export function projectImage(
  row: ImageRow | undefined,
  event: ImageEvent | undefined,
  at: Moment,
): ImageRow | undefined {
  if (event?.type === 'image-registered') {
    return {
      id: at.id,
      reference: event.reference,
      isForgotten: false,
      // Nodes do not report again what they have reported, so what is known of them is kept.
      ...withFacts(row?.facts ?? {}),
      registeredAtMs: instantMs(at.recordedAtMs),
      ...placeOf(at),
    };
  }
  if (row === undefined) return undefined;
  return { ...row, ...(event && changeOf(row, event)), ...placeOf(at) };
}

function changeOf(
  row: ImageRow,
  event: Exclude<ImageEvent, { readonly type: 'image-registered' }>,
): Partial<ImageRow> {
  switch (event.type) {
    case 'image-found':
      return withFacts({ ...row.facts, [event.node]: event.facts });
    case 'image-gone': {
      const { [event.node]: _, ...facts } = row.facts;
      return withFacts(facts);
    }
    case 'image-forgotten':
      return { isForgotten: true };
    default:
      return unreachable(event);
  }
}

/** What nodes say of the image, as one: the largest size, and the labels of the first by name. */
function withFacts(facts: Readonly<Record<string, ImageFacts>>) {
  const agentIds = Object.keys(facts).toSorted();
  const known = agentIds.flatMap((node) => facts[node] ?? []);
  return {
    facts,
    agentIds,
    architectures: [...new Set(known.map(({ architecture }) => architecture))].toSorted(),
    sizeBytes: known.length === 0 ? null : Math.max(...known.map(({ sizeBytes }) => sizeBytes)),
    labels: known[0]?.labels ?? {},
  };
}
