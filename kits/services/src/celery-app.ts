/** A Celery application in a file, and what it is told through the environment. */
import { basename, dirname } from 'node:path'

export interface CeleryApp {
  /** A Python file; the application in it is called `app`. */
  readonly file: string
  /** The URL of the broker. */
  readonly broker: string
  /** The URL of the result backend. Default: none. */
  readonly backend?: string | undefined
  /** Settings by Celery's names, which the file reads from the variable `CELERY_SETTINGS`, in JSON. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined
}

/** The name under which Python imports it. */
export function moduleOf({ file }: CeleryApp): string {
  return basename(file, '.py')
}

export function environmentOf({ file, broker, backend, settings = {} }: CeleryApp): Readonly<Record<string, string>> {
  return {
    PYTHONPATH: dirname(file),
    PYTHONUNBUFFERED: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    CELERY_BROKER_URL: broker,
    CELERY_SETTINGS: JSON.stringify(settings),
    ...(backend === undefined ? {} : { CELERY_RESULT_BACKEND: backend }),
  }
}
