/** Inputs are checked by what live workers publish, as far as they agree and it can be read. */
import type { Broker, WorkerInfo } from '@lovage/core'
import { expect, test } from 'vitest'
import { checkByPublishedSchema } from './published-schema.ts'

const schema = { type: 'object', properties: { width: { type: 'integer', minimum: 1 } }, required: ['width'] }

function broker(...schemas: unknown[]): Pick<Broker, 'admin'> {
  const workers = schemas.map((one) => ({ tasks: [{ name: 'resize', schema: one }, { name: 'other' }] }) as unknown as WorkerInfo)
  return { admin: { workers: async () => workers } as unknown as NonNullable<Broker['admin']> }
}

test('a wrong input is refused with the place', async () => {
  await expect(checkByPublishedSchema(broker(schema, schema), 'resize', { width: 0 })).rejects.toMatchObject({
    code: 'INPUT_INVALID',
    rawMessage: expect.stringMatching(/^expected the input of resize to satisfy its schema, got: width: /),
  })
  await expect(checkByPublishedSchema(broker(schema), 'resize', undefined)).rejects.toMatchObject({ code: 'INPUT_INVALID' })
})

test.each([
  ['a good input', broker(schema), { width: 3 }],
  ['no worker', broker(), 'anything'],
  ['a task without a schema', broker(undefined), 'anything'],
  ['workers that disagree', broker(schema, { type: 'string' }), 5],
  ['workers of which one knows no schema', broker(schema, undefined), 5],
  ['a schema that cannot be read', broker({ $ref: 'https://example.org/elsewhere' }), 5],
  ['a broker without workers to list', { admin: undefined }, 5],
])('%s passes', async (_what, from, input) => {
  await expect(checkByPublishedSchema(from, 'resize', input)).resolves.toBeUndefined()
})
