/** Checks by JSON Schemas: the words for what is wrong, and that no schema and no value breaks them. */
import { type Json, silentLogger } from '@lovage/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { InputCheck } from '../gateway/input-check.ts'
import { type JsonSchema, schemaCheck } from './schema-check.ts'

function problem(schema: object, value: unknown): string | undefined {
  const check = schemaCheck(schema)
  if (!check.ok) throw new Error(check.reason)
  return check.frame(value as never, 'input')
}

const of = (schema: object) => ({ properties: { a: schema } })

describe('what is wrong with a value', () => {
  it.each<[object, unknown, string]>([
    [{ type: 'object' }, [1], '`input` to be an object, got: [1]'],
    [of({ type: ['string', 'null'] }), { a: 1 }, '`input.a` to be a text or null, got: 1'],
    [of({ required: ['b', 'c'] }), { a: { b: 1 } }, '`input.a` to have `c`, got: {"b":1}'],
    [of({ const: { b: 1 } }), { a: { b: 2 } }, '`input.a` to be {"b":1}, got: {"b":2}'],
    [of({ minLength: 2 }), { a: 'x' }, '`input.a` to be a text of at least 2 characters, got: "x"'],
    [of({ maxLength: 2 }), { a: 'xyz' }, '`input.a` to be a text of at most 2 characters, got: "xyz"'],
    [of({ pattern: '^a' }), { a: 'b' }, '`input.a` to be a text that matches "^a", got: "b"'],
    [of({ format: 'uuid' }), { a: 'b' }, '`input.a` to be a text of the format "uuid", got: "b"'],
    [of({ pattern: '^a', format: 'email' }), { a: 'b' }, '`input.a` to be a text of the format "email", got: "b"'],
    [of({ maximum: 3 }), { a: 4 }, '`input.a` to be at most 3, got: 4'],
    [of({ exclusiveMinimum: 3 }), { a: 3 }, '`input.a` to be more than 3, got: 3'],
    [of({ exclusiveMaximum: 3 }), { a: 3 }, '`input.a` to be less than 3, got: 3'],
    [of({ multipleOf: 2 }), { a: 3 }, '`input.a` to be a multiple of 2, got: 3'],
    [of({ minItems: 1 }), { a: [] }, '`input.a` to be a list of at least 1, got: []'],
    [of({ maxItems: 1 }), { a: [1, 2] }, '`input.a` to be a list of at most 1, got: [1,2]'],
    [of({ uniqueItems: true }), { a: [1, 1] }, '`input.a` to be a list without repetitions, got: [1,1]'],
    [of({ minProperties: 1 }), { a: {} }, '`input.a` to be an object with at least 1 names, got: {}'],
    [of({ maxProperties: 0 }), { a: { b: 1 } }, '`input.a` to be an object with at most 0 names, got: {"b":1}'],
    [of({ items: of({ type: 'boolean' }) }), { a: [{}, { a: 1 }] }, '`input.a[1].a` to be true or false, got: 1'],
    [of({ anyOf: [{ type: 'integer' }, { enum: ['x'] }] }), { a: 'y' }, '`input.a` to be a whole number or "x", got: "y"'],
    [of({ $ref: '#/$defs/b' }), { a: 1 }, '`input.a` to be an object, got: 1'],
    [{ additionalProperties: false }, { 'b/~c': 1 }, 'no `input.b/~c`, got: 1'],
    [of({ not: {} }), { a: 1 }, '`input.a` to satisfy its schema: Instance matched "not" schema; got: 1'],
    [
      of({ oneOf: [of({ type: 'string' }), of({ type: 'number' })] }),
      { a: { a: true } },
      '`input.a` to satisfy its schema: Instance does not match exactly one subschema (0 matches); got: {"a":true}',
    ],
  ])('by %j', (schema, value, reason) => {
    expect(problem({ $defs: { b: { type: 'object' } }, ...schema }, value)).toBe(`expected ${reason}`)
    expect(problem({ $defs: { b: {} } }, value)).toBeUndefined()
  })

  it('is nothing where a library finds nothing, and something where it finds something', () => {
    const schema = z.strictObject({ n: z.int().min(0), who: z.union([z.literal('a'), z.object({ id: z.uuid() })]).optional() })
    const json = z.toJSONSchema(schema)
    const part = fc.oneof(fc.integer(), fc.constantFrom('a', 'b'), fc.record({ id: fc.oneof(fc.uuid(), fc.string()) }))
    const input = fc.record({ n: fc.oneof(fc.integer(), fc.double({ noNaN: true }), part), who: part }, { requiredKeys: [] })
    const check = fc.property(input, (value) => {
      const given = JSON.parse(JSON.stringify(value))
      expect(problem(json, given) === undefined).toBe(schema.safeParse(given).success)
    })
    fc.assert(check)
  })
})

it('reads the draft that a schema names', () => {
  const list = { items: [{ type: 'string' }], additionalItems: false }
  expect(problem({ $schema: 'http://json-schema.org/draft-07/schema#', ...list }, ['a', 1])).toBe(
    'expected no `input[1]`, got: 1',
  )
  expect(problem({ $schema: 'http://json-schema.org/draft-04/schema#', minimum: 1, exclusiveMinimum: true }, 1)).toBeDefined()
})

it('breaks by no schema and no value', () => {
  const keywords = fc.constantFrom(
    ...[
      'type',
      'properties',
      'items',
      'required',
      'anyOf',
      'allOf',
      'not',
      'enum',
      'const',
      '$ref',
      '$id',
      '$defs',
      'if',
      'then',
    ],
    ...['pattern', 'format', 'minimum', 'multipleOf', 'additionalProperties', 'patternProperties', 'contains', '__proto__', 'a'],
  )
  const words = fc.constantFrom('object', 'string', 'a', '#', '#/$defs/a', '__proto__', '(', '^(a|a)*$', 'date-time')
  const { schema } = fc.letrec<{ schema: unknown }>((tie) => ({
    schema: fc.oneof(
      { maxDepth: 5 },
      fc.oneof(fc.boolean(), fc.double({ noNaN: true }), words, fc.constant(null)),
      fc.array(fc.oneof(words, tie('schema')), { maxLength: 3 }),
      fc.array(fc.tuple(keywords, tie('schema')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
    ),
  }))
  const property = fc.property(schema, fc.jsonValue(), fc.boolean(), (given, value, nested) => {
    const whole = (nested ? { properties: { a: given }, items: given } : given) as JsonSchema
    const check = InputCheck.of(whole, JSON.stringify(whole), silentLogger)
    if (!check.ok) expect(check.reason).toMatch(/^expected the schema of the input to be .+, got: /s)
    else
      expect(check.frame.problem(nested ? ({ a: value, b: [value] } as Json) : (value as Json), 100) ?? 'expected').toMatch(
        /^expected/,
      )
  })
  fc.assert(property, { numRuns: 500 })
})
