/** The catalogue and its pages say the same: neither can be changed alone. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type ErrorCode, errorCatalogue } from './error-codes.ts'

const folder = new URL('../../docs/errors/', import.meta.url)
const codes = Object.keys(errorCatalogue) as ErrorCode[]
const fileOf = (code: string) => `${code.toLowerCase().replaceAll('_', '-')}.md`
const read = (file: string) => readFileSync(new URL(file, folder), 'utf8')

test('each code has a page and each page a code', () => {
  const pages = readdirSync(folder).filter((file) => file !== 'README.md')
  expect(pages.sort()).toEqual(codes.map(fileOf).sort())
})

describe.each(codes)('%s', (code) => {
  test('its page has the headings of all, with something under each', () => {
    const page = read(fileOf(code))
    expect(page.split('\n')[0]).toBe(`# ${code}`)
    const sections = page
      .split(/^## /m)
      .slice(1)
      .map((section) => section.split('\n'))
    expect(sections.map(([heading]) => heading)).toEqual(['What it means', 'Why it happens', 'What to do'])
    for (const [, ...lines] of sections) expect(lines.join('').trim()).not.toBe('')
  })

  test('its page shows the message as it begins', () => {
    expect(read(fileOf(code))).toContain(`[${code.toLowerCase().replaceAll('_', ' ')}] `)
  })
})

test('the index lists the same codes in the same order, with the same words', () => {
  const rows = [...read('README.md').matchAll(/^\| \[`([A-Z_]+)`\]\(([a-z-]+\.md)\) \| (\w+) \| (yes|no) \| (.+) \|$/gm)]
  expect(rows.map(([, code, file, , retryable, summary]) => ({ code, file, retryable, summary }))).toEqual(
    codes.map((code) => ({
      code,
      file: fileOf(code),
      retryable: errorCatalogue[code].retryable ? 'yes' : 'no',
      summary: errorCatalogue[code].summary,
    })),
  )
  const classes = new Set(['ConfigError', 'TaskError', 'StoreError', 'ProtocolError', 'BugError', 'LovageError'])
  for (const [, code, , kind] of rows) expect(classes, code).toContain(kind)
})
