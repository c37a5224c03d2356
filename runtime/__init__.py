"""What every service needs: settings, logging, metrics, clock, client factories, the consumer loop, start and stop."""
