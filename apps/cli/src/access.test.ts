/** Who may call the HTTP server of a command: the file of clients, the environment, and what is refused. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LovageFolder } from './fixtures/lovage-command.ts'

const token = 'a-token-of-some-length-1'
const line = `ci ${token} lovage:read:*\n`

let folder: LovageFolder
beforeEach(async () => {
  folder = await LovageFolder.make()
})
afterEach(() => folder.close())

async function statuses(url: string): Promise<readonly number[]> {
  const bearer = { headers: { authorization: `Bearer ${token}` } }
  const answers = await Promise.all([fetch(`${url}/api/queues`), fetch(`${url}/api/queues`, bearer)])
  return answers.map(({ status }) => status)
}

describe('a server with clients', { timeout: 60_000 }, () => {
  test.each([
    ['of a file', ['--token-file', 'clients.txt'], {}],
    ['of the environment', [], { LOVAGE_TOKENS: line }],
  ] as const)('%s asks who calls, on any address', async (_, options, environment) => {
    await writeFile(join(folder.path, 'clients.txt'), `# who may call\n${line}`)
    const server = folder.start(['server', '--port', '0', '--host', '0.0.0.0', ...options], { environment })
    const [, port] = await server.says(/http:\/\/0\.0\.0\.0:(\d+)/)
    expect(await statuses(`http://127.0.0.1:${port}`)).toEqual([401, 200])
    server.signal('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0 })
    expect(server.output).not.toContain(token)
  })

  test.each([
    [
      'without clients on another address',
      ['--host', '0.0.0.0'],
      /expected clients with tokens to listen on 0\.0\.0\.0, got none/,
    ],
    ['with a file that is not there', ['--token-file', 'none.txt'], /expected --token-file to be a file .*none\.txt/],
    ['with a file of other things', ['--token-file', 'clients.txt'], /clients\.txt line 1 .*got: no scope/],
    ['without clients at a public address', ['--public-url', 'https://queue.example.com'], /expected clients with tokens/],
    ['with an empty LOVAGE_TOKENS', [], /expected LOVAGE_TOKENS to be .*got: no client at all/, { LOVAGE_TOKENS: '' }],
  ] as const)('%s does not begin', async (_, options, message, environment: NodeJS.ProcessEnv = {}) => {
    await writeFile(join(folder.path, 'clients.txt'), `ci ${token}\n`)
    const { code, stderr } = await folder.run(['server', '--port', '0', ...options], { environment })
    expect(stderr).toMatch(message)
    expect(stderr).not.toContain(token)
    expect(code).toBe(2)
  })
})
