// What Chatwoot's own code is asked to do. Every value comes from the environment: no text of ours becomes Ruby.

/** Makes the first super admin unless there is one, and closes the set-up page. */
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

/** Writes what the installation is called and looks like; null gives Chatwoot's own value back. */
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
 * Ends with 0 while this pod's Sidekiq beats (it does every 10 s), without loading Rails. A Redis that is away is no
 * fault of the pod: restarting every worker would not bring it back.
 */
export const heartbeat = `
require 'openssl'
require 'redis-client'
require 'socket'
begin
  tls = ENV['REDIS_OPENSSL_VERIFY_MODE'] == 'none' ? { verify_mode: OpenSSL::SSL::VERIFY_NONE } : nil
  redis = RedisClient.config(url: ENV.fetch('REDIS_URL'), password: ENV.fetch('REDIS_PASSWORD'), ssl_params: tls).new_client
  mine = redis.call('SMEMBERS', 'processes').select { |one| one.start_with?(Socket.gethostname + ':') }
  beats = mine.map { |one| redis.call('HGET', one, 'beat').to_f }
  exit(beats.any? { |beat| Time.now.to_f - beat < 60 } ? 0 : 1)
rescue RedisClient::ConnectionError
  exit 0
end
`
