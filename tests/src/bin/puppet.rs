fn main() -> std::process::ExitCode { worker::run(async |job: worker::JobContext| job.input().to_ascii_uppercase()) }
