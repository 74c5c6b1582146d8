/** How long to wait before the next attempt to connect. */

/**
 * Milliseconds: the first attempt after a loss is almost at once, then they become rarer up to `longest`. The disorder keeps
 * the processes of a server that came back from arriving all together.
 * @param attempt from 0
 * @param random in [0, 1)
 */
export function backoffMs(attempt: number, longest: number, random: number): number {
  const most = Math.min(longest, 50 * 2 ** Math.min(attempt, 20))
  return Math.ceil(most * (0.5 + random / 2))
}
