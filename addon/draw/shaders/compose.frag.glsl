/* Drawn Gaussians laid over a viewport, with a contour around the heads that are selected.
 *
 * clip: 1 when orthographic; near; far; metres by which the heads are moved towards the viewer.
 * line: the contour's width in texels of the picture, 0 for none; 1 when the heads themselves are shown; what is drawn
 *       on: 0 a viewport's overlay, 1 the light of an opaque film before `ground`, 2 that of a transparent film, 3 an
 *       overlay that is to be empty where the film below shows a head;
 *       1 when what meshes hide of the heads has been left out already, so that only the contour has a depth.
 * selected_color, active_color, ground (what is mostly behind the heads): colours as they are displayed. */

const float OVERLAY_GAMMA = 2.2;

vec3 light(vec3 shown)
{
  shown = max(shown, vec3(0.0));
  return mix(shown / 12.92, pow((shown + 0.055) / 1.055, vec3(2.4)), step(vec3(0.04045), shown));
}

float window_depth(float depth)
{
  float near = clip.y, far = clip.z;
  depth = max(depth - clip.w, near);
  float ndc = clip.x > 0.5 ? (2.0 * depth - near - far) / (far - near) :
                             (far + near - 2.0 * far * near / depth) / (far - near);
  return clamp(0.5 * ndc + 0.5, 0.0, 1.0);
}

/* The contour's colour and coverage at a pixel outside a selected head and beside it; `depth` becomes that head's. */
vec4 contour(inout float depth)
{
  ivec2 size = textureSize(depths, 0);
  vec2 here = at * vec2(size);
  float inside = texelFetch(depths, min(ivec2(here), size - 1), 0).g;
  vec4 best = vec4(0.0);
  for (int i = 0; i < 8; i++) {
    float angle = 0.785398 * float(i);
    ivec2 texel = ivec2(here + line.x * vec2(cos(angle), sin(angle)));
    vec4 mark = texelFetch(depths, clamp(texel, ivec2(0), size - 1), 0);
    if (mark.g > best.g) {
      best = mark;
    }
  }
  float strength = smoothstep(0.25, 0.6, best.g) * (1.0 - smoothstep(0.25, 0.6, inside));
  if (strength > 0.0) {
    depth = best.r / max(best.a, 1e-6);
  }
  return vec4(best.b > 0.5 * best.g ? active_color.rgb : selected_color.rgb, 1.0) * strength;
}

void main()
{
  vec4 color = line.y > 0.5 ? texture(picture, at) : vec4(0.0);
  float depth = texture(depths, at).r / max(color.a, 1e-6);
  vec4 rim = line.x > 0.0 ? contour(depth) : vec4(0.0);
  if (max(color.a, rim.a) < 1.0 / 255.0) {
    discard;
  }
  if (line.z > 2.5) {
    if (color.a < 0.5) {
      discard;
    }
    gl_FragDepth = 0.0;
    laid = vec4(0.0);
    return;
  }
  gl_FragDepth = line.w > 0.5 && rim.a <= 0.0 ? 0.0 : window_depth(depth);
  if (line.z > 0.5) {
    /* Gaussians were learned blended as they are displayed, so the background is blended that way too. */
    laid = line.z > 1.5 ? vec4(light(color.rgb / max(color.a, 1e-6)) * color.a, color.a) :
                          vec4(light(color.rgb + (1.0 - color.a) * ground.rgb), 1.0);
    return;
  }
  /* Blender blends its overlays as powers of 2.2 of what is displayed. Gaussians were learned blended as they are
   * displayed: exactly so before `ground`, and nearly so before colours like it. */
  vec4 shown = color * (1.0 - rim.a) + rim;
  vec3 behind = max(ground.rgb, vec3(0.02));
  vec3 wanted = max(shown.rgb + (1.0 - shown.a) * behind, vec3(0.0));
  float brighter = dot(wanted, vec3(1.0)) / dot(behind, vec3(1.0));
  float through = clamp((1.0 - shown.a) * pow(brighter, OVERLAY_GAMMA - 1.0), 0.0, 1.0);
  vec3 added = pow(wanted, vec3(OVERLAY_GAMMA)) - through * pow(behind, vec3(OVERLAY_GAMMA));
  laid = vec4(max(added, vec3(0.0)), 1.0 - through);
}
