// Ruby programs that call Chatwoot's own code. They read values from the environment: none is inserted into Ruby.

/** Creates the first super admin unless there is one, and closes the set-up page. */
export const makeSuperAdmin = `
if SuperAdmin.exists?
  puts 'there is a super admin already'
else
  AccountBuilder.new(
    account_name: ENV.fetch('ACCOUNT_NAME'),
    user_full_name: ENV.fetch('CHATWOOT_ADMIN_NAME'),
    email: ENV.fetch('CHATWOOT_ADMIN_EMAIL'),
    user_password: ENV.fetch('CHATWOOT_ADMIN_PASSWORD'),
    super_admin: true,
    confirmed: true
  ).perform
  puts 'the first super admin was made'
end
Redis::Alfred.delete(Redis::Alfred::CHATWOOT_INSTALLATION_ONBOARDING)
`

/** Writes name and appearance of the installation; null restores Chatwoot's default. */
export const writeBranding = `
defaults = YAML.safe_load(File.read(Rails.root.join('config/installation_config.yml'))).to_h { |one| one.values_at('name', 'value') }
JSON.parse(ENV.fetch('BRANDING')).each do |name, value|
  config = InstallationConfig.find_or_initialize_by(name: name)
  config.value = value.nil? ? defaults[name] : value
  config.save!
end
GlobalConfig.clear_cache
`

/**
 * Exits 0 while this pod's Sidekiq writes heartbeats (every 10 s; the last one may be 60 s old). Rails is not loaded.
 * It exits 0 also while Redis cannot be reached: restarting every worker would not help.
 */
export const heartbeat = `
require 'openssl'
require 'redis-client'
require 'socket'
# Beside the process: a value of Vault is in a file, which the variable of its name with _FILE names.
password = ENV.fetch('REDIS_PASSWORD') { File.read(ENV.fetch('REDIS_PASSWORD_FILE')) }
begin
  tls = ENV['REDIS_OPENSSL_VERIFY_MODE'] == 'none' ? { verify_mode: OpenSSL::SSL::VERIFY_NONE } : nil
  redis = RedisClient.config(url: ENV.fetch('REDIS_URL'), password: password, ssl_params: tls).new_client
  mine = redis.call('SMEMBERS', 'processes').select { |one| one.start_with?(Socket.gethostname + ':') }
  beats = mine.map { |one| redis.call('HGET', one, 'beat').to_f }
  exit(beats.any? { |beat| Time.now.to_f - beat < 60 } ? 0 : 1)
rescue RedisClient::ConnectionError
  exit 0
end
`
