/** What a person, and what a pipe, sees of the progress. */
import { expect, it } from 'vitest'
import { showProgress } from './progress.ts'

function screen(isTTY: boolean) {
  const written: string[] = []
  return { written, isTTY, columns: 40, write: (text: string) => written.push(text) }
}

it('writes a plain line for each tenth into a pipe', () => {
  const pipe = screen(false)
  const progress = showProgress(pipe, 20)
  for (let done = 0; done <= 20; done++) progress.show(done)
  progress.end()
  expect(pipe.written).toHaveLength(11)
  expect(pipe.written.at(0)).toBe('measured 0 of 20 files\n')
  expect(pipe.written.at(-1)).toBe('measured 20 of 20 files\n')
})

it('redraws one line on a terminal, not more often than an eye can see, and always the last', () => {
  const terminal = screen(true)
  let now = 0
  const progress = showProgress(terminal, 1000, () => now)
  for (let done = 0; done <= 1000; done++) {
    progress.show(done)
    now += 1
  }
  progress.end()
  expect(terminal.written).toHaveLength(22)
  expect(terminal.written.at(-2)).toContain('1000 of 1000')
  for (const text of terminal.written.slice(0, -1)) {
    expect(text.startsWith('\r') && text.endsWith('\x1b[K') && !text.includes('\n')).toBe(true)
    expect(text.length).toBeLessThanOrEqual(40 + 3)
  }
})

it('is done at once where nothing is to do', () => {
  const pipe = screen(false)
  showProgress(pipe, 0).show(0)
  expect(pipe.written).toEqual(['measured 0 of 0 files\n'])
})
