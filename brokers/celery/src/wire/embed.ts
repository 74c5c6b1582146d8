/** What follows a task, as the third part of its body carries it. */
import { exactText, writePython } from './python-json.ts'
import type { Embed, SignatureObject } from './task-message.ts'

export const emptyEmbed: Embed = Object.freeze({})

const noEmbed = '{"callbacks":null,"errbacks":null,"chain":null,"chord":null}'

/** Writes the third part of a body. @throws {TaskError} INPUT_UNSERIALIZABLE */
export function writeEmbed(embed: Embed): string {
  const { callbacks, errbacks, chain, chord, others } = embed
  if (callbacks === undefined && errbacks === undefined && chain === undefined && chord === undefined && others === undefined) {
    return noEmbed
  }
  return writePython(embedObject(embed))
}

/** As `writeEmbed`, before it is written. */
export function embedObject({ callbacks, errbacks, chain, chord, others }: Embed): Record<string, unknown> {
  return { callbacks: callbacks ?? null, errbacks: errbacks ?? null, chain: chain ?? null, chord: chord ?? null, ...others }
}

/**
 * Reads the third part of a body; a single signature is taken for a list of one. A text says what it should have been.
 * @param hasExact numbers may be raw JSON texts (see `parsePython`); those among options become plain, for those are read here
 */
export function readEmbed(value: unknown, hasExact: boolean): Embed | string {
  if (value === null || value === undefined) return emptyEmbed
  if (!isRecord(value)) return 'expected `embed` to be an object'
  const { callbacks = null, errbacks = null, chain = null, chord = null, ...others } = hasExact ? plainRecord(value) : value
  const parts = Object.keys(others).length > 0 ? { others } : undefined
  if (callbacks === null && errbacks === null && chain === null && chord === null) return parts ?? emptyEmbed
  const lists = { callbacks: signatures(callbacks), errbacks: signatures(errbacks), chain: signatures(chain) }
  for (const [name, list] of Object.entries(lists)) {
    if (list === null) return `expected \`${name}\` to be null or a list of signatures`
  }
  if (chord !== null && !isRecord(chord)) return 'expected `chord` to be null or a signature'
  return { ...(lists as Pick<Embed, 'callbacks' | 'errbacks' | 'chain'>), ...(chord === null ? {} : { chord }), ...parts }
}

/** Null for what is no list of signatures. */
function signatures(value: unknown): readonly SignatureObject[] | undefined | null {
  if (value === null) return undefined
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.every(isRecord) ? list : null
}

/** An object of JSON. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)
}

function plainRecord(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const isSignature = typeof value.task === 'string' && isRecord(value.options)
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, isSignature && name === 'options' ? plainOptions(item) : plainItem(item)]),
  )
}

function plainItem(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainItem)
  return isRecord(value) && exactText(value) === undefined ? plainRecord(value) : value
}

function plainOptions(options: unknown): unknown {
  if (!isRecord(options)) return options
  return Object.fromEntries(
    Object.entries(options).map(([name, item]) => {
      const exact = exactText(item)
      return [name, exact === undefined ? plainItem(item) : Number(exact)]
    }),
  )
}
