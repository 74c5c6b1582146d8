/** URLs that are no server's, in one line each. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createSocketBroker } from './socket-broker.ts'

it.each([
  ['ftp://host', 'expected `url` to be the URL of a server such as "https://host", got: "ftp://host"'],
  ['http://', 'expected `url` to be the URL of a server such as "https://host", got: "http://"'],
  ['http://me:hush@host:1', 'expected `url` to be without a user and password; use `token`, got: http://host:1'],
  ['http://host:1?token=hush', 'expected `url` to be without a query; use `token`, got: http://host:1'],
  ['http://host:1/api', 'expected `url` to be without a path, as in http://host:1, got: "http://host:1/api"'],
])('refuses %s and shows no secret', async (url, message) => {
  await expect(createSocketBroker({ url })).rejects.toMatchObject({ code: 'OPTION_INVALID', rawMessage: message })
})

async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `//127.0.0.1:${(server.address() as AddressInfo).port}`
}

it.each([
  ['http:', /: no socket\.io answers there \(HTTP 404\)$/],
  ['https:', /: it speaks no TLS; write http:, or the address of the proxy before it$/],
])('says what is wrong where %s finds another server', async (scheme, message) => {
  const place = await listen((_, response) => response.writeHead(404).end('<html>'))
  await expect(createSocketBroker({ url: `${scheme}${place}` })).rejects.toMatchObject({
    ...{ code: 'STORE_UNAVAILABLE', message: expect.stringMatching(message) },
  })
})

it('says what is wrong where a server wants TLS', async () => {
  const place = await listen((request) => request.socket.destroy())
  await expect(createSocketBroker({ url: `http:${place}` })).rejects.toMatchObject({
    message: expect.stringMatching(/: socket hang up; if it wants TLS, write https:$/),
  })
})
