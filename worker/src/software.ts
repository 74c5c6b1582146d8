/** What this software calls itself in events and replies. */
import { platform } from 'node:os'

/** Keep in step with package.json; a test does. */
export const version = '0.1.0'

/** Celery's fields of worker events. */
export const software = {
  sw_ident: 'lovage',
  sw_ver: version,
  sw_sys: ({ linux: 'Linux', darwin: 'Darwin', win32: 'Windows' } as Partial<Record<string, string>>)[platform()] ?? platform(),
} as const
