/** The workers in a page of a real browser, bundled as a page's own script is, under a policy that lets no text become code. */
import { join } from 'node:path'
import { chromiumLaunch } from '@lovage/services'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { build } from 'vite'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { GatewayWorld, Inbox, job, type Place, stored, within } from '../gateway/fixtures/gateway-world.ts'

const entry = join(import.meta.dirname, '../fixtures/page-worker.ts')
const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"

let browser: Browser
let script: string
let world: GatewayWorld
let context: BrowserContext | undefined

beforeAll(async () => {
  const lib = { entry, formats: ['es' as const], fileName: 'worker' }
  const built = await build({ configFile: false, logLevel: 'silent', build: { write: false, lib } })
  const [output] = [built].flat() as { output: { code: string }[] }[]
  script = output?.output[0]?.code ?? ''
  browser = await chromium.launch(chromiumLaunch())
})
afterAll(() => browser?.close())
beforeEach(() => {
  world = new GatewayWorld()
})
afterEach(async () => {
  await context?.close()
  await world.close()
})

/** Serves the page beside the gateway. */
function serve({ server }: Place): void {
  server.on('request', ({ url = '' }, response) => {
    if (url.startsWith('/socket.io/')) return
    const isScript = url === '/worker.js'
    response.setHeader('content-security-policy', policy)
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? script : '<!doctype html><script type="module" src="/worker.js"></script>')
  })
}

/** A page with a worker in it, and what it tells. */
class WorkerPage {
  readonly page: Page
  readonly #heard = new Map<string, Inbox>()

  private constructor(page: Page) {
    this.page = page
  }

  static async open({ url }: Place): Promise<WorkerPage> {
    context = await browser.newContext()
    const opened = new WorkerPage(await context.newPage())
    opened.page.on('pageerror', (error) => opened.#inbox('broken').put([error]))
    await opened.page.exposeFunction('tell', (what: string, of: string) => opened.#inbox(what).put([of]))
    await opened.page.goto(url)
    await opened.page.evaluate('startWorker()')
    return opened
  }

  async next(what: string): Promise<unknown> {
    return (await this.#inbox(what).next(`"${what}" of the page`))[0]
  }

  count(what: string): number {
    return this.#inbox(what).count
  }

  settle(id: string, how: 'resolve' | 'reject', value: string): Promise<unknown> {
    return this.page.evaluate(`settleRun(${JSON.stringify(id)}, '${how}', ${JSON.stringify(value)})`)
  }

  #inbox(what: string): Inbox {
    const inbox = this.#heard.get(what) ?? new Inbox()
    this.#heard.set(what, inbox)
    return inbox
  }
}

async function opened(options: Parameters<GatewayWorld['place']>[0] = {}): Promise<{ place: Place; page: WorkerPage }> {
  const place = await world.place(options)
  serve(place)
  const page = await WorkerPage.open(place)
  await page.next('connected')
  return { place, page }
}

const result = (place: Place, id: string) => within(place.broker.results.wait(id), `the result of ${id}`)

test('the bundle has nothing of Node in it, and makes no code', () => {
  expect(script).not.toMatch(/node:|__vite-browser-external|\beval\b|new Function/)
})

test('registers, runs a task and resolves it; what its schema refuses it never sees', async () => {
  const { place, page } = await opened()
  await place.broker.tasks.send([job('bad', { input: { of: 'B4D' } }), job('good', { input: { of: 'good' } })])
  expect(await result(place, 'bad')).toMatchObject({ state: 'exception', reason: 'malformed-payload' })
  expect(await page.next('task')).toBe('good')
  await page.settle('good', 'resolve', 'from a page')
  expect(await result(place, 'good')).toMatchObject({ state: 'completed', result: 'from a page' })
  expect(page.count('broken')).toBe(0)
})

test('rejects a task, and is paused', async () => {
  const { place, page } = await opened()
  await place.broker.tasks.send([job('a', { input: { of: 'a' } })])
  await page.settle(String(await page.next('task')), 'reject', 'no canvas')
  expect(await page.next('error')).toMatch(/^paused until .*: no canvas$/)
  expect(place.gateway.sessions()).toMatchObject([{ id: 'w', paused: { reason: 'no canvas' } }])
})

test('goes on with its task when the server has started anew, and brings the result', async () => {
  const { place, page } = await opened()
  await place.broker.tasks.send([job('a', { input: { of: 'a' } })])
  const task = String(await page.next('task'))
  await place.gateway.close()
  place.server.closeAllConnections()
  await new Promise((closed) => place.server.close(closed))
  await page.next('disconnected')
  await page.settle(task, 'resolve', 'meanwhile')
  const again = await world.place({ port: Number(new URL(place.url).port) })
  await page.next('connected')
  expect(await result(again, 'a')).toMatchObject({ state: 'completed', result: 'meanwhile' })
  expect(await stored(again, 'a')).toMatchObject({ run: 0, lost: 0 })
})

test('that is closed with a task leaves it to others after the grace', async () => {
  const { place, page } = await opened({ grace: '200ms' })
  await place.broker.tasks.send([job('a', { input: { of: 'a' } })])
  await page.next('task')
  const other = world.worker(place)
  await other.registerAs('other', { queues: ['w'] })
  await page.page.close()
  const { id, attempt } = await other.task()
  expect({ id, attempt }).toEqual({ id: 'a', attempt: 1 })
  expect(await stored(place, 'a')).toMatchObject({ run: 1, lost: 1 })
})
