/** The parts of the quickstart that know nothing of Lovage: walking, measuring, reporting. */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { detectType } from './detect-type.ts'
import { type FileFacts, measureFile } from './measure.ts'
import { formatBytes, renderMarkdown, renderText } from './render-report.ts'
import { makeReport } from './report.ts'
import { walk } from './walk.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lovage-quickstart-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function put(path: string, content: string | Uint8Array): string {
  const file = join(folder, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, content)
  return file
}

describe('walk', () => {
  it('finds each file once, in order, without foreign code, links and what is to be skipped', async () => {
    for (const path of ['b.txt', 'a/2.txt', 'a/1.txt', 'node_modules/x.js', 'a/.git/HEAD', 'lovage.db']) put(path, path)
    symlinkSync(join(folder, 'a'), join(folder, 'link'))
    const { files, cut } = await walk(folder, { skip: [join(folder, 'lovage.db')] })
    expect(files.map(({ path, bytes }) => [path, bytes])).toEqual([
      ['a/1.txt', 7],
      ['a/2.txt', 7],
      ['b.txt', 5],
    ])
    expect(cut).toBe(false)
  })

  it('stops at the limit and says so', async () => {
    for (let i = 0; i < 5; i++) put(`${i}.txt`, '')
    const { files, cut } = await walk(folder, { limit: 3 })
    expect([files.length, cut]).toEqual([3, true])
  })

  it('walks nothing where nothing is', async () => {
    expect(await walk(join(folder, 'gone'))).toEqual({ files: [], unreadable: [], cut: false })
  })
})

describe('measureFile', () => {
  const signal = new AbortController().signal

  it('counts as plain code on the whole content does', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'é', ' ', '\n', '\t', 'word'), maxLength: 5000 })
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        const bytes = Buffer.from(content)
        const facts = await measureFile(put('file.txt', bytes), 'file.txt', signal)
        expect(facts).toEqual({
          path: 'file.txt',
          type: bytes.length === 0 ? 'empty' : 'text',
          bytes: bytes.length,
          lines: content === '' ? 0 : content.split('\n').length - (content.endsWith('\n') ? 1 : 0),
          words: content.split(/\s+/).filter((word) => word !== '').length,
          sha256: createHash('sha256').update(bytes).digest('hex'),
          gzipRatio: bytes.length === 0 ? 1 : Number((gzipSync(bytes).length / bytes.length).toFixed(4)),
        })
      }),
      { numRuns: 50 },
    )
  })

  it('stops when it is told to', async () => {
    const file = put('big.bin', new Uint8Array(8_000_000))
    const reason = AbortSignal.abort()
    await expect(measureFile(file, 'big.bin', reason)).rejects.toThrow(/abort/i)
  })
})

describe('detectType', () => {
  it.each([
    ['empty.ts', [], 'empty'],
    ['picture.txt', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], 'png'],
    ['a/b.TS', [0x61], 'typescript'],
    ['Makefile', [0x61], 'text'],
    ['run', [0x23, 0x21, 0x2f], 'script'],
    ['x.constructor', [0x61], 'text'],
    ['data.txt', [0x61, 0, 0x61], 'binary'],
  ])('%s with %j is %s', (path, head, type) => {
    expect(detectType(path, Uint8Array.from(head))).toBe(type)
  })
})

describe('report', () => {
  const facts = (path: string, rest: Partial<FileFacts> = {}): FileFacts => ({
    path,
    type: 'text',
    bytes: 1000,
    lines: 10,
    words: 50,
    sha256: path,
    gzipRatio: 0.5,
    ...rest,
  })
  const files = [facts('b', { sha256: 'same' }), facts('a', { gzipRatio: 0.1, type: 'json' }), facts('c', { sha256: 'same' })]
  const missing = [{ path: 'd', why: 'EACCES' }]

  it('adds up, and is the same for any order of the files', () => {
    const report = makeReport('/x', files, missing)
    expect(report.totals).toEqual({ files: 3, bytes: 3000, lines: 30, words: 150 })
    expect(report.types.map(({ type, files }) => [type, files])).toEqual([
      ['text', 2],
      ['json', 1],
    ])
    expect(report.duplicates).toEqual([{ sha256: 'same', bytes: 1000, paths: ['b', 'c'] }])
    expect(report.mostCompressible[0]?.path).toBe('a')
    fc.assert(
      fc.property(fc.shuffledSubarray(files, { minLength: 3 }), (shuffled) => {
        expect(makeReport('/x', shuffled, missing)).toEqual(report)
      }),
    )
  })

  it('reads well as text and as Markdown', () => {
    const report = makeReport('/x', files, missing)
    expect(renderText(report)).toContain(
      '/x: 3 files, 3.0 kB, 30 lines, 150 words, 1 contents more than once, 1 could not be measured',
    )
    expect(renderText(report)).toContain('\nSame content\n  files    size\n  b, c   1.0 kB\n')
    expect(renderMarkdown(report)).toContain(
      '| type | files | size | lines |\n| --- | ---: | ---: | ---: |\n| text | 2 | 2.0 kB | 20 |',
    )
  })

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [9960, '10 kB'],
    [1_500_000, '1.5 MB'],
    [999_600, '1.0 MB'],
  ])('writes %d bytes as %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text))
})
