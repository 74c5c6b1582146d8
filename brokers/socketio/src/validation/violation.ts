/** What a schema finds wrong with a value, in the words of this house: which part, what was expected, what came. */
import type { OutputUnit, Schema as ParsedSchema } from '@cfworker/json-schema'
import { type Json, shown } from '@lovage/core'
import { isPlainObject } from '../wire/reader.ts'

/** The parts of a schema by the URIs that references name. */
export type Lookup = Readonly<Record<string, ParsedSchema | boolean>>

/** What was checked. */
interface Checked {
  readonly root: ParsedSchema
  readonly lookup: Lookup
  readonly value: Json
  /** What the value is called. */
  readonly at: string
}

/** These say that something inside is wrong; what that is follows. */
const wrappers: ReadonlySet<string> = new Set([
  ...['properties', 'patternProperties', 'additionalProperties', 'unevaluatedProperties', 'dependentSchemas'],
  ...['items', 'prefixItems', 'additionalItems', 'unevaluatedItems', '$ref', '$recursiveRef', 'allOf', 'if'],
])

/** @param errors in the order of the library, each before what it comes from */
export function violation(errors: readonly OutputUnit[], checked: Checked): string {
  const error = decisive(errors)
  if (error === undefined) return `expected the names in \`${checked.at}\` to be Unicode, got others`
  const path = segments(error.instanceLocation)
  const place = `\`${placeOf(path, checked)}\``
  const value = path.reduce<unknown>(partOf, checked.value)
  if (error.keyword === 'required') return missing(place, value, keywordValue(error, checked))
  if (error.keyword === 'false') return `expected no ${place}, got: ${shown(value)}`
  const expected = isChoice(error) ? choice(error, errors, checked) : expectation(error, checked)
  if (expected === undefined)
    return `expected ${place} to satisfy its schema: ${error.error.replace(/\.$/, '')}; got: ${shown(value)}`
  return `expected ${place} to be ${expected}, got: ${shown(value)}`
}

/** A format says more than the pattern that a library writes beside it. */
function decisive(errors: readonly OutputUnit[]): OutputUnit | undefined {
  const first = errors.find(({ keyword }) => !wrappers.has(keyword)) ?? errors[0]
  if (first?.keyword !== 'pattern') return first
  return (
    errors.find(({ keyword, instanceLocation }) => keyword === 'format' && instanceLocation === first.instanceLocation) ?? first
  )
}

function missing(place: string, value: unknown, required: unknown): string {
  const names = Array.isArray(required) && isPlainObject(value) ? required.filter((name) => !Object.hasOwn(value, name)) : []
  return `expected ${place} to have ${names.map((name) => `\`${name}\``).join(', ')}, got: ${shown(value)}`
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
}

const words: Readonly<Record<string, (limit: unknown) => string>> = {
  type: (types) =>
    [types]
      .flat()
      .map((type) => typeWords[String(type)] ?? String(type))
      .join(' or '),
  enum: (values) => (Array.isArray(values) ? values.map((value) => shown(value)).join(' | ') : shown(values)).slice(0, 500),
  const: (value) => shown(value),
  minLength: (limit) => `a text of at least ${limit} characters`,
  maxLength: (limit) => `a text of at most ${limit} characters`,
  pattern: (pattern) => `a text that matches ${shown(pattern)}`,
  format: (format) => `a text of the format ${shown(format)}`,
  minimum: (limit) => `at least ${limit}`,
  maximum: (limit) => `at most ${limit}`,
  exclusiveMinimum: (limit) => `more than ${limit}`,
  exclusiveMaximum: (limit) => `less than ${limit}`,
  multipleOf: (factor) => `a multiple of ${factor}`,
  minItems: (limit) => `a list of at least ${limit}`,
  maxItems: (limit) => `a list of at most ${limit}`,
  uniqueItems: () => 'a list without repetitions',
  minProperties: (limit) => `an object with at least ${limit} names`,
  maxProperties: (limit) => `an object with at most ${limit} names`,
}

function expectation(error: OutputUnit, checked: Checked): string | undefined {
  const limit = keywordValue(error, checked)
  return limit === undefined ? undefined : words[error.keyword]?.(limit)
}

function isChoice({ keyword }: OutputUnit): boolean {
  return keyword === 'anyOf' || keyword === 'oneOf'
}

/** All that would do, where each alternative speaks of the value itself. */
function choice(error: OutputUnit, errors: readonly OutputUnit[], checked: Checked): string | undefined {
  const alternatives = keywordValue(error, checked)
  if (!Array.isArray(alternatives)) return undefined
  const expected = alternatives.map((_, index) => {
    const inside = `${error.keywordLocation}/${index}/`
    const first = errors.find(({ keyword, keywordLocation }) => keywordLocation.startsWith(inside) && !wrappers.has(keyword))
    return first?.instanceLocation === error.instanceLocation ? expectation(first, checked) : undefined
  })
  return expected.includes(undefined) ? undefined : [...new Set(expected)].join(' or ')
}

/** What the schema says at a keyword. The path of an error leads through references. */
function keywordValue({ keywordLocation }: OutputUnit, { root, lookup }: Checked): unknown {
  return segments(keywordLocation).reduce<unknown>((part, segment) => {
    if (segment === '$recursiveRef') return root
    const target = segment === '$ref' && isPlainObject(part) ? (part as ParsedSchema).__absolute_ref__ : undefined
    return target === undefined ? partOf(part, segment) : lookup[target]
  }, root)
}

function partOf(whole: unknown, name: string): unknown {
  if (Array.isArray(whole)) return whole[Number(name)]
  return isPlainObject(whole) && Object.hasOwn(whole, name) ? whole[name] : undefined
}

/** The parts of a JSON Pointer in a fragment (RFC 6901, section 6). */
function segments(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => decodeURIComponent(segment).replaceAll('~1', '/').replaceAll('~0', '~'))
}

function placeOf(path: readonly string[], { at, value }: Checked): string {
  let whole: unknown = value
  let place = at
  for (const name of path) {
    place += Array.isArray(whole) ? `[${name}]` : `.${name}`
    whole = partOf(whole, name)
  }
  return shownPlace(place)
}

/** Senders choose names as long as they like. */
function shownPlace(place: string): string {
  return place.length <= 200 ? place : `${place.slice(0, 200)}...`
}
