/** The story with its worker in plain JavaScript; and that worker cut off, cancelled and sent home. */
import { afterEach, expect, it } from 'vitest'
import { Program, Stage } from './fixtures/stage.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

it('is told by the server, line by line', async () => {
  const server = new Program(process.execPath, 'server.ts', '0')
  closing.push(() => server.kill())
  const url = /^listening on (\S+)$/.exec((await server.line()) ?? '')?.[1] ?? ''
  const worker = new Program(process.execPath, 'worker.js', url)
  closing.unshift(() => worker.kill())
  expect(await server.line()).toBe('digest: "76740216171591903cdbd18fbc770df447c5b1671005ca0020922a465bba0172"')
  expect(await (await fetch(url)).text()).toContain('<script type="module" src="/worker.js">')
})

it('has a worker that fails a task in words, comes back when it was cut off, and leaves when it is told to', async () => {
  const stage = await Stage.open({ pause: 0, retry: { limit: 0 } })
  closing.push(() => stage.close())
  const worker = await stage.worker(process.execPath, 'worker.js')
  expect(await stage.outcome('digest', { text: 5 }, 'wrong')).toMatchObject({ state: 'failed' })
  stage.cut()
  expect(await worker.line()).toBe('registered')
  expect(await stage.outcome('digest', { text: 'Ada' }, 'right')).toMatchObject({ state: 'completed' })
  worker.child.kill('SIGINT')
  expect(await worker.ended).toEqual([0, null])
})
