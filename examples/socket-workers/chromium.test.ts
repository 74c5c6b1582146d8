/** The page in a real browser: the server of the story gives it a task, and prints the picture. */
import { chromiumLaunch } from '@lovage/services'
import { chromium } from 'playwright-core'
import { expect, it, onTestFinished } from 'vitest'
import { Program } from './fixtures/stage.ts'

it('draws what the server wishes', async () => {
  const server = new Program(process.execPath, 'server.ts', '0')
  onTestFinished(() => server.kill())
  const url = /^listening on (\S+)$/.exec((await server.line()) ?? '')?.[1] ?? ''
  const browser = await chromium.launch(chromiumLaunch())
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  await page.goto(url)
  expect(await server.line()).toMatch(/^chart: "data:image\/png;base64,iVBORw0KGgo/)
  await page.getByText('drew Primes').waitFor()
  expect(await page.getByRole('listitem').allTextContents()).toEqual(['registered', 'drew Primes'])
})
