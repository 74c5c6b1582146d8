/** The waits between automatic retries, as Celery reckons them. */

export interface AutoretryBackoff {
  /** `retry_backoff` in seconds; default 1. */
  readonly factor?: number | undefined
  /** `retry_backoff_max` in seconds; default 600. */
  readonly maximum?: number | undefined
  /** `retry_jitter`; default true. */
  readonly jitter?: boolean | undefined
}

/**
 * Seconds until the next try: the factor doubled with each retry; with jitter any whole number from 0 to that.
 * @param retries those that were made, from 0
 * @param random from 0 up to but not including 1
 * @see https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.retry_backoff
 */
export function autoretryDelay(
  { factor = 1, maximum = 600, jitter = true }: AutoretryBackoff,
  retries: number,
  random: () => number,
): number {
  const longest = Math.max(0, Math.min(maximum, factor * 2 ** Math.min(retries, 1000)))
  return jitter ? Math.floor(random() * (Math.floor(longest) + 1)) : longest
}
