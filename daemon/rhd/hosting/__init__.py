"""What a service manager has to do with us: sockets that outlive the process, readiness, watchdog, signals."""
