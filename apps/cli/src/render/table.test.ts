/** Tables keep their columns, count colours as nothing, and end where the terminal does. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { painter, textWidth } from './paint.ts'
import { cutTo, facts, table } from './table.ts'

const plain = painter({ colours: false })
const coloured = painter({ colours: true })

test('columns are as wide as their longest cell; numbers stand at the right', () => {
  const titles = [{ title: 'NAME' }, { title: 'N', align: 'right' }, { title: '' }] as const
  expect(
    table(
      titles,
      [
        ['a', '5', ''],
        ['longer', '10', 'x'],
      ],
      plain,
    ),
  ).toEqual(['NAME     N', 'a        5', 'longer  10  x'])
})

test('a cell of several lines stays in its row', () => {
  expect(table([{ title: 'A' }, { title: 'B' }], [['x', 'no\n  disk']], plain)).toEqual(['A  B', 'x  no disk'])
})

test('colours take no room', () => {
  const bare = table([{ title: 'A' }, { title: 'B' }], [['red', 'x']], plain)
  const painted = table([{ title: 'A' }, { title: 'B' }], [[coloured('red', 'red'), 'x']], coloured)
  expect(painted.map(textWidth)).toEqual(bare.map(textWidth))
})

test('no line is wider than the terminal, and what is cut is marked', () => {
  const cell = fc.string({ maxLength: 30 }).map((text) => text.replaceAll(/\p{C}/gu, ''))
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell)), fc.integer({ min: 5, max: 40 }), (rows, columns) => {
      for (const line of table([{ title: 'ONE' }, { title: 'TWO' }], rows, plain, columns)) {
        expect(textWidth(line)).toBeLessThanOrEqual(columns)
      }
    }),
  )
  expect(cutTo('abcdef', 4)).toBe('abc…')
  expect(cutTo('abcdef', undefined)).toBe('abcdef')
})

test('facts leave out what is undefined and keep lines under each other', () => {
  expect(
    facts(
      [
        ['a', '1'],
        ['long', 'x\ny'],
        ['gone', undefined],
      ],
      plain,
    ),
  ).toEqual(['a     1', 'long  x\n      y'])
})
