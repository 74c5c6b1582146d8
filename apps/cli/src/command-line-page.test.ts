/** `docs/command-line.md` says what the commands say. After a change: `npx vitest run apps/cli/src/command-line-page -u`. */
import { expect, test } from 'vitest'
import { commandLinePage } from './command-line-page.ts'

test('the page is up to date', async () => {
  await expect(commandLinePage()).toMatchFileSnapshot('../../../docs/command-line.md')
})
