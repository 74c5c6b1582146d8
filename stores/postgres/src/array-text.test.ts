/** Whatever cells an array has, PostgreSQL reads the same ones. */
import fc from 'fast-check'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { arrayText } from './array-text.ts'
import { cluster } from './fixtures/cluster.ts'

const server = await cluster()

test('any text and any number arrives as it is', async () => {
  const client = new pg.Client(await server.database())
  await client.connect()
  onTestFinished(() => client.end())
  const cell = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', ''))
  const awkward = fc.constantFrom('', 'NULL', 'null', '{}', '"', '\\', '\\"', ',', ' a ', '{"a":[1,"\\n"]}', '\n')
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(fc.oneof(cell, awkward))),
      fc.array(fc.option(fc.maxSafeInteger())),
      async (texts, numbers) => {
        const { rows } = await client.query('select to_json($1::text[]) as texts, to_json($2::bigint[]) as numbers', [
          arrayText(texts),
          arrayText(numbers),
        ])
        expect(rows).toEqual([{ texts, numbers }])
      },
    ),
    { numRuns: 200 },
  )
})
