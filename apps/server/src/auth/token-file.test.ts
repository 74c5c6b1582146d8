/** The file of clients, and what is refused about the clients in it. */
import { describe, expect, test } from 'vitest'
import { AccessClients } from './access-client.ts'
import { parseClients } from './token-file.ts'

const token = 'a-token-of-some-length-1'

describe('a file of clients', () => {
  test('has one a line, and comments', () => {
    const text = `# who may call\n\nci ${token} lovage:send:* lovage:read:*\r\n  root\tanother-long-token-22-x== *  \n`
    expect(parseClients(text, 'clients')).toEqual([
      { clientId: 'ci', accessToken: token, scopes: ['lovage:send:*', 'lovage:read:*'] },
      { clientId: 'root', accessToken: 'another-long-token-22-x==', scopes: ['*'] },
    ])
  })

  test.for([
    ['', /clients to be .*got: no client at all/],
    ['# none\n', /no client at all/],
    [`${token}`, /clients line 1 .*got: one word alone/],
    [`# first\nci ${token}`, /clients line 2 .*got: no scope/],
    [`${token} lovage:read:* *`, /clients line 1 .*got: a second word that is no token/],
    [`${token} ci lovage:read:*`, /clients line 1 .*got: a second word that is no token/],
    [`${token}= ${token} *`, /clients line 1 .*got: a first word that is no clientId/],
  ] as const)('is refused: %o', ([text, message]) => {
    expect(() => parseClients(text, 'clients')).toThrow(message)
    expect(() => parseClients(text, 'clients')).not.toThrow(token)
  })
})

describe('clients', () => {
  const client = (over: object = {}) => ({ clientId: 'ci', accessToken: token, scopes: ['a'], ...over })

  test('are found by id and by token', () => {
    const clients = new AccessClients([client(), client({ clientId: 'other', accessToken: `${token}2` })])
    expect(clients.get('ci')).toMatchObject({ accessToken: token })
    expect(clients.withToken(`${token}2`)).toMatchObject({ clientId: 'other' })
    expect([clients.get('none'), clients.withToken('none'), clients.withToken('')]).toEqual([undefined, undefined, undefined])
  })

  test.for([
    [[client({ clientId: 'two words' })], /clientId/],
    [[client({ accessToken: 'short' })], /client ci to have an access token of at least 22 .* got 5 characters/],
    [[client({ accessToken: `${token} x` })], /access token/],
    [[client({ scopes: ['ä'] })], /scopes of printable ASCII/],
    [[client(), client({ accessToken: `${token}2` })], /named once/],
    [[client(), client({ clientId: 'other' })], /token of its own/],
    [[client({ clientId: 'reserved' })], /another name/],
  ] as const)('are refused: %o', ([list, message]) => {
    const make = () => new AccessClients(list, ['reserved'])
    expect(make).toThrow(message)
    expect(make).not.toThrow(token)
  })
})
