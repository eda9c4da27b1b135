-- Degraded: it failed, or only a person can take it further. Suspended: somebody holds it. Healthy: every copy is there.
local health = { status = "Progressing", message = "Waiting for cbr-operator to look at it" }

if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end

local succeeded = conditions["Succeeded"]
if succeeded == nil then
  return health
end

health.message = succeeded.reason .. ": " .. succeeded.message
if conditions["Stalled"] ~= nil and conditions["Stalled"].status == "True" then
  health.status = "Degraded"
elseif succeeded.status == "True" then
  health.status = "Healthy"
elseif succeeded.reason == "Suspended" or succeeded.reason == "Restored" then
  health.status = "Suspended"
end
return health
