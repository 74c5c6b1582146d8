/** The table of settings in the README names the settings that there are. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { settingTable } from './celery-settings.ts'

test('every setting stands in the table of the README, and no other', () => {
  const text = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
  const [, table = ''] = text.split('| setting | default | meaning |')
  const rows = (table.split('\n\n')[0] ?? '').split('\n').slice(2)
  const named = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name))
  expect(named.toSorted()).toEqual(Object.keys(settingTable).toSorted())
})
