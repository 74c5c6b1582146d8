/** The header of Hawk, read strictly. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseHawkHeader } from './hawk-header.ts'

const value = fc.stringMatching(/^[\w !#$%&'()*+,\-./:;<=>?@[\]^`{|}~]{1,30}$/)

test('gives back what it was made of', () => {
  const header = fc.record({ id: value, ts: fc.nat().map(String), nonce: value, mac: value, hash: value, ext: value })
  fc.assert(
    fc.property(header, fc.constantFrom(', ', ',', ' , '), (fields, between) => {
      const text = Object.entries(fields)
        .map(([name, each]) => `${name}="${each}"`)
        .join(between)
      expect(parseHawkHeader(text)).toEqual({ ...fields, app: undefined, dlg: undefined })
    }),
  )
})

test('is read or refused, whatever it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('id', '="', '"', ',', ' ', 'ts', 'nonce', 'mac', '1', '\\', 'x') }), (text) => {
      try {
        expect(parseHawkHeader(text).id).not.toBe('')
      } catch (error) {
        expect(error).toMatchObject({ code: 'AUTHENTICATION_FAILED' })
      }
    }),
  )
})

const complete = 'id="a", ts="1", nonce="n", mac="m"'

test.for([
  [''],
  ['id="a", ts="1", nonce="n"'],
  ['id="", ts="1", nonce="n", mac="m"'],
  ['id="a", ts="soon", nonce="n", mac="m"'],
  [`${complete}, id="b"`],
  [`${complete}, other="b"`],
  [`${complete} x`],
  [`${complete}, ext="a\\"b"`],
  [`${complete}, ext="${'x'.repeat(17_000)}"`],
  [`id="a", ts="1", nonce="${'n'.repeat(201)}", mac="m"`],
  [`id="${'a'.repeat(1001)}", ts="1", nonce="n", mac="m"`],
])('is refused: %s', ([text = '']) => {
  expect(() => parseHawkHeader(text)).toThrow(expect.objectContaining({ code: 'AUTHENTICATION_FAILED' }))
})
