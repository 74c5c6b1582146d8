/** The Cron port: the small shape behind which a cron library and the time zone data stand. */

export interface Cron {
  /**
   * The first firing strictly after the time (epoch milliseconds), or undefined when there is none.
   * @param expression five or six fields (seconds first) or a nickname such as `@daily`
   * @param zone an IANA zone; `UTC` when undefined
   * @throws {ConfigError} CRON_INVALID for an expression or zone that is not one
   */
  next(expression: string, zone: string | undefined, after: number): number | undefined
}
