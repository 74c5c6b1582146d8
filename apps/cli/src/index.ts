/** The command line, for programs that want to run it inside themselves. */
export { commandLinePage } from './command-line-page.ts'
export { type ExitCode, exitCodes } from './exit-code.ts'
export { run, runProcess } from './main.ts'
export { processTerminal, type Screen, type Terminal } from './terminal.ts'
