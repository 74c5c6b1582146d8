/** Validation through any Standard Schema. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Schema, validate } from './schema.ts'

const input = { code: 'INPUT_INVALID', task: 'resize' } as const

describe('validate', () => {
  test("answers the schema's output", async () => {
    expect(await validate(z.object({ n: z.coerce.number() }), { n: '5' }, input)).toEqual({ n: 5 })
  })

  test('awaits schemas that take their time', async () => {
    expect(
      await validate(
        z.string().refine(async () => true),
        'x',
        input,
      ),
    ).toBe('x')
  })

  test('names what is wrong and where', async () => {
    const schema = z.object({ list: z.array(z.object({ url: z.string() })) })
    await expect(validate(schema, { list: [{ url: 'a' }, {}] }, input)).rejects.toMatchObject({
      name: 'TaskError',
      code: 'INPUT_INVALID',
      subject: 'resize',
      rawMessage: expect.stringMatching(/^expected the input of resize to satisfy its schema, got: list\.1\.url: /),
    })
    await expect(validate(z.string(), 5, { code: 'OUTPUT_INVALID', task: 't' })).rejects.toThrow(
      '[output invalid] expected the output of t to satisfy its schema, got: ',
    )
  })

  test('names ten issues and counts the rest', async () => {
    const many: Schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({ issues: Array.from({ length: 25 }, (_, index) => ({ message: 'bad', path: [index] })) }),
      },
    }
    await expect(validate(many, {}, input)).rejects.toThrow(/0: bad; .*; 9: bad; and 15 more$/)
  })
})
