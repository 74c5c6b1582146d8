/** The commands that care for the store: migrate, doctor. */
import { type CommandSpec, example } from './command-spec.ts'

export const migrate: CommandSpec = {
  name: 'migrate',
  summary: "Bring the store's schema up to date.",
  options: [{ flags: '--check', meaning: 'only say whether it is; exit 1 if not' }],
  examples: [
    example('lovage migrate -b sqlite:/var/lib/app/lovage.db', 'says from which version to which'),
    example('lovage migrate --check', 'changes nothing'),
  ],
  load: async () => (await import('../commands/migrate.ts')).migrate,
}

export const doctor: CommandSpec = {
  name: 'doctor',
  summary: 'Check this machine and a live broker; nothing is changed.',
  notes: 'Prints a line per check; exit 1 when one fails, 69 when the broker cannot be opened.',
  examples: [example('lovage doctor', './lovage.db and this machine'), example('lovage doctor --json', 'for a program')],
  load: async () => (await import('../commands/doctor.ts')).doctor,
}
