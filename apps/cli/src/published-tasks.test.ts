/** Inputs are checked by what live workers publish, as far as they agree and it can be read. */
import { expect, test } from 'vitest'
import { checkByPublishedSchema, nobodyKnows } from './published-tasks.ts'

const schema = { type: 'object', properties: { width: { type: 'integer', minimum: 1 } }, required: ['width'] }

const published = (...schemas: unknown[]) =>
  schemas.map((one) => ({ tasks: [{ name: 'resize', schema: one }, { name: 'other' }] }))

test('a wrong input is refused with the place', async () => {
  await expect(checkByPublishedSchema(published(schema, schema), 'resize', { width: 0 })).rejects.toMatchObject({
    code: 'INPUT_INVALID',
    rawMessage: expect.stringMatching(/^expected the input of resize to satisfy its schema, got: width: /),
  })
  await expect(checkByPublishedSchema(published(schema), 'resize', undefined)).rejects.toMatchObject({ code: 'INPUT_INVALID' })
})

test.each([
  ['a good input', published(schema), { width: 3 }],
  ['no worker', published(), 'anything'],
  ['a task without a schema', published(undefined), 'anything'],
  ['workers that disagree', published(schema, { type: 'string' }), 5],
  ['workers of which one knows no schema', published(schema, undefined), 5],
  ['a schema that cannot be read', published({ $ref: 'https://example.org/elsewhere' }), 5],
  ['a broker without workers to list', undefined, 5],
])('%s passes', async (_what, from, input) => {
  await expect(checkByPublishedSchema(from, 'resize', input)).resolves.toBeUndefined()
})

test('a sender is told when nobody can run the task', () => {
  expect(nobodyKnows(undefined, 'resize')).toBeUndefined()
  expect(nobodyKnows(published(schema), 'resize')).toBeUndefined()
  expect(nobodyKnows([], 'resize')).toBe('no worker is there, so resize waits; start one with `lovage worker FILE`')
  expect(nobodyKnows([], 'resize', ['images'])).toBe(
    'no worker is there yet, so resize waits until the pool images starts one; `lovage pool list` shows whether it does',
  )
  expect(nobodyKnows([{ tasks: [], everyTask: true }], 'resize')).toBeUndefined()
  expect(nobodyKnows([], 'http.payload')).toBeUndefined()
  expect(nobodyKnows(published(schema), 'resiez')).toBe(
    'no live worker knows resiez, so it waits until one does; did you mean resize?',
  )
  expect(nobodyKnows(published(schema), 'zzz')).toBe('no live worker knows zzz, so it waits until one does')
})
