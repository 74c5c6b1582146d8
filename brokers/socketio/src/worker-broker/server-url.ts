/** The URL of a Lovage server: nothing but where it is. */
import { ConfigError, shown } from '@lovage/core'

const paths = ['/', '/workers', '/workers/']

/** What a URL says beyond where the server is may be secret: it is not shown. @throws {ConfigError} OPTION_INVALID */
export function checkServerUrl(url: unknown): asserts url is string {
  const parsed = typeof url === 'string' && /^https?:\/\//i.test(url) ? URL.parse(url) : null
  if (parsed === null) return refuse('the URL of a server such as "https://host"', shown(url))
  if (parsed.username !== '' || parsed.password !== '') refuse('without a user and password; use `token`', parsed.origin)
  if (parsed.search !== '' || parsed.hash !== '') refuse('without a query; use `token`', parsed.origin)
  if (!paths.includes(parsed.pathname)) refuse(`without a path, as in ${parsed.origin}`, shown(url))
}

function refuse(expected: string, got: string): never {
  throw new ConfigError('OPTION_INVALID', `expected \`url\` to be ${expected}, got: ${got}`)
}
